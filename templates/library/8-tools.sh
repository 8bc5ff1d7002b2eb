# take_tools ARGUMENT...: the tools of this bundle come before those of the host, if their sums are
# as reviewed. Sets TOOLS_DIR, which goes first in PATH. Changes nothing.
take_tools() {
  local machine architecture from='.' place folder=''
  TOOLS_DIR="${HOST_TOOLS_DIR}"
  if [[ " $* " == *' --help '* ]]; then
    return
  fi
  machine=$(uname -m)
  case "${machine}" in
    x86_64) architecture='amd64' ;;
    aarch64) architecture='arm64' ;;
    *) architecture="${machine}" ;;
  esac
  if [[ " ${BUNDLE_TOOLS[*]}" != *" ${architecture}/"* ]]; then
    say "This bundle has no tools for ${machine}. The tools of this host are used."
    return
  fi
  [[ "$0" != */* ]] || from="${0%/*}/"
  for place in "${TOOLS_PLACES[@]}"; do
    if [[ -d "${from}/${place}/${architecture}" ]]; then
      folder=$(cd -- "${from}/${place}/${architecture}" && pwd -P)
      break
    fi
  done
  if [[ -z "${folder}" ]]; then
    say "tools/${architecture} of this bundle is not next to this script. The tools of this host \
are used."
    return
  fi
  [[ "${folder}" != *:* ]] || stop "${UNAVAILABLE}" 'the tools of this bundle cannot be in PATH' \
    'a directory without a colon in its name' "${folder}" 'copy the bundle to another directory'
  check_tools "${folder}" "${architecture}"
  TOOLS_DIR="${folder}${HOST_TOOLS_DIR:+:${HOST_TOOLS_DIR}}"
  check_tools_run "${folder}"
}

# check_tools FOLDER ARCHITECTURE: each tool is the reviewed one, and nothing else is with them:
# PATH would find it before the command of the host.
check_tools() {
  local each name found reviewed=' ' file
  local copy='copy the reviewed bundle again; or remove tools/ to use the tools of this host'
  for each in "${BUNDLE_TOOLS[@]}"; do
    [[ "${each}" == "$2/"* ]] || continue
    name="${each#*/}" name="${name%% *}" reviewed+="${name} "
    found=''
    if [[ -f "$1/${name}" ]]; then
      found=$(sha256sum <"$1/${name}") || found=''
    fi
    found="${found:+sha256:}${found%% *}"
    [[ "${found}" == "sha256:${each##* }" ]] || stop "${UNAVAILABLE}" \
      "$1/${name} is not the tool that was reviewed with this bundle" "sha256:${each##* }" \
      "${found:-nothing that can be read}" "${copy}"
  done
  for file in "$1"/*; do
    [[ "${reviewed}" == *" ${file##*/} "* ]] || stop "${UNAVAILABLE}" \
      "tools/$2 has a file that is not part of this bundle" "only${reviewed% }" "${file@Q}" \
      "${copy}"
  done
}

# check_tools_run FOLDER: their file system allows it. triage.sh works without them, too.
check_tools_run() {
  local file text bits expected found
  local what='the tools of this bundle cannot be run'
  for file in "$1"/*; do
    [[ ! -x "${file}" ]] || continue
    text=$(stat -c '%a %m' -- "${file}")
    bits="${text%% *}"
    if (((8#${bits} & 8#111) == 0)); then
      expected='mode 755' found="mode ${bits} of ${file}"
    else
      expected='a file system without the mount option noexec' found="noexec on ${text#* }"
    fi
    [[ "${SCRIPT:-}" == 'triage.sh' ]] || stop "${UNAVAILABLE}" "${what}" "${expected}" \
      "${found}" 'copy the bundle with its modes to another file system, such as /root'
    say "WARNING: ${what} (${found}). The tools of this host are used."
    TOOLS_DIR="${HOST_TOOLS_DIR}"
    return
  done
  say "The tools of this bundle are used: $1"
}
