# Guide 2.4 and 3.3: owner, group, mode and SELinux label are copied from the directory set aside
# or, in a total loss, from the certificates; or the inventory has the owner. The image runs as
# root. fix_ownership reference|USER:GROUP. In phase 2 it runs before the rename into place.
fix_ownership() {
  local like="${STATE}/before/etcd" seen user group bits wrong target="${ETCD_DIR}"
  local -a owner=("$1") permissions=(0700)
  seen=$(restored_word "${ETCD_DIR}")
  if [[ "${step}" == '2.4' && "${seen}" != 'ours' ]]; then
    target=$(staging)
  fi
  seen="${like}"
  if [[ ! -d "${like}" ]]; then
    if ((work > 0)) && [[ -d "${ETCD_DIR}" ]]; then
      seen="${ETCD_DIR}" # an earlier step of this script sets it aside
    else
      like="${CERTIFICATES}"
      seen="${like}"
    fi
  fi
  user="${1%%:*}"
  group="${1#*:}"
  bits='700'
  if [[ "$1" == 'reference' ]]; then
    user=$(stat -c %u -- "${seen}")
    group=$(stat -c %g -- "${seen}")
    bits=$(stat -c %a -- "${seen}")
    owner=("--reference=${like}")
    permissions=("--reference=${like}")
  fi
  if ((work > 0)); then
    # Root restores it with owner root and mode 0700.
    if [[ "${user}:${group}:${bits}" =~ ^(0|root):(0|root):700$ ]]; then
      wrong=''
    elif [[ "${step}" == '2.4' ]]; then
      wrong='yes'
    else
      cannot_know "whether etcd has made files with another owner than ${user}:${group}"
      return
    fi
  else
    wrong=$(fix_ownership_wrong "${target}" "${user}" "${group}" "${bits}")
  fi
  if [[ -z "${wrong}" ]]; then
    already "${target} has owner ${user}:${group}, mode ${bits}"
  else
    mutate chown -R "${owner[@]}" -- "${target}"
    mutate chmod "${permissions[@]}" -- "${target}"
    prove '' "${target} has owner ${user}:${group}, mode ${bits}" 'check that file with ls -l' \
      fix_ownership_wrong "${target}" "${user}" "${group}" "${bits}"
  fi
  fix_ownership_label "${target}" "${like}"
}

# fix_ownership_wrong DIRECTORY USER GROUP MODE: the first file with another owner or mode, if any.
fix_ownership_wrong() {
  local bits
  bits=$(stat -c %a -- "$1")
  if [[ "${bits}" != "$4" ]]; then
    printf '%s\n' "$1 has mode ${bits}"
    return
  fi
  find "$1" \( ! -user "$2" -o ! -group "$3" \) -print -quit
}

# fix_ownership_label DIRECTORY LIKE: the SELinux label, if this machine has SELinux.
fix_ownership_label() {
  local want have
  if [[ ! -e /sys/fs/selinux/enforce ]]; then
    return
  fi
  if ((work > 0)); then
    cannot_know 'whether the restored directory needs another SELinux label'
    return
  fi
  want=$(stat -c %C -- "$2")
  have=$(stat -c %C -- "$1")
  if [[ "${have}" == "${want}" ]]; then
    already "SELinux label ${want}"
    return
  fi
  mutate chcon -R --reference="$2" -- "$1"
}
