# shellcheck shell=bash
# Once for all tests: the commands a script may use, a CA with each host's certificates, and the
# recorded answers of both API generations as texts to fill in.

setup_suite() {
  local top="${BATS_TEST_DIRNAME}/../.."
  WORLD_TOP="${BATS_TEST_DIRNAME}"
  WORLD_SUITE="${BATS_SUITE_TMPDIR}/world-suite"
  GENERATED="${GENERATED:-${top}/.cache/bundles}"
  mkdir -p "${WORLD_SUITE}/bin" "${WORLD_SUITE}/holders" "${WORLD_SUITE}/played"
  suite_commands
  suite_certificates
  suite_answers "${top}/test/fixtures/recordings"
}

# Everything a script can find: fakes, and real commands that read or count. A command that is in
# neither list does not exist for a script, and the script fails.
suite_commands() {
  local command place
  local -a fakes=(docker curl etcd etcdctl etcdutl hostname getent id timeout df proc-net-tcp tick
    mv cp ln rm rmdir install chmod chown chcon touch uname openssl)
  local -a real=(awk base64 bash cat cmp cut date diff du env find flock grep gzip head jq mktemp od
    sed sha1sum sha256sum sleep sort stat sync tail tr wc)
  mkdir -p "${WORLD_SUITE}/real"
  for command in mv sleep cat find; do
    place=$(type -P "${command}")
    ln -s "${place}" "${WORLD_SUITE}/real/${command}"
  done
  # A socket as Docker has one; nobody listens.
  node -e 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))' \
    "${WORLD_SUITE}/docker.sock" || true
  for command in "${fakes[@]}"; do
    ln -s "${WORLD_TOP}/world/fake" "${WORLD_SUITE}/bin/${command}"
  done
  for command in "${real[@]}"; do
    place=$(type -P "${command}")
    ln -s "${place}" "${WORLD_SUITE}/bin/${command}"
  done
  place=$(type -P sleep)
  ln -s "${place}" "${WORLD_SUITE}/holders/etcd"
}

# One CA for every cluster; for each host of every inventory the pairs of a server host.
suite_certificates() {
  local ca="${WORLD_SUITE}/ca" host address names
  mkdir -p "${ca}"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=world' \
    -keyout "${ca}/ca.key" -out "${ca}/ca.crt" 2>/dev/null
  # A stranger's CA, for the refusals.
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
    -subj '/CN=stranger' -keyout "${ca}/stranger.key" -out "${ca}/stranger.crt" 2>/dev/null
  while read -r host names; do
    mkdir -p "${ca}/${host}"
    for address in server user; do
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=${host}" \
        -keyout "${ca}/${host}/etcd-${address}.key" -out "${ca}/request" 2>/dev/null
      openssl x509 -req -in "${ca}/request" -CA "${ca}/ca.crt" -CAkey "${ca}/ca.key" -days 30 \
        -extfile <(printf 'subjectAltName=IP:127.0.0.1%s\n' "${names}") \
        -out "${ca}/${host}/etcd-${address}.crt" 2>/dev/null
    done
  done < <(
    jq -r '.hosts[] | "\(.id) \(.addresses | map(",IP:" + .) | join(""))"' \
      "${GENERATED}"/*/inventory.json | sort -u
  )
  openssl x509 -in "${ca}/ca.crt" -outform der | sha256sum | cut -c1-64 >"${ca}/sum"
}

# suite_answers RECORDINGS: bodies as they were recorded; @WORDS@ are filled in by the fake curl.
suite_answers() {
  local generation file other="$1/0.9.0-databases.json"
  for generation in 0.6 0.7; do
    mkdir -p "${WORLD_SUITE}/answers/${generation}"
    if [[ "${generation}" == 0.6 ]]; then file="$1/0.6.2.json"; else file="$1/0.8.1.json"; fi
    jq -c -n --slurpfile story "${file}" --slurpfile more "${other}" '
      ($story[0]) as $story | ($more[0]) as $more
      | def said($note; $path): [$story[] | select((.note | startswith($note)) and .path == $path)][0]
          | (.body // {message: .body_text});
      def host($mode): [$story[] | select(.path == "/v1/hosts" and .status == 200)][0].body.hosts[0]
        | .id = "@ID@" | .cohort.member_id = "@NODE@"
        | .status.state = "@STATE@" | .status.updated_at = "@UPDATED@"
        | if has("hostname") then .hostname = "@ID@" | .ipv4_address = "@ADDRESS@" else . end
        | if has("peer_addresses") then .peer_addresses = ["@ADDRESS@"]
            | .client_addresses = ["@ADDRESS@"] else . end
        | if has("etcd_mode") then .etcd_mode = $mode else . end;
      def job($scope): [$story[], $more[] | .body | objects | .task | objects
          | select(.scope == $scope)][0]
        | .entity_id = "@ENTITY@" | .[$scope + "_id"] = "@ENTITY@" | .task_id = "@TASK@"
        | .created_at = "@CREATED@" | .type = "@TYPE@" | .status = "@STATUS@" | del(.parent_id);
      {
        version: said("initialized"; "/v1/version"),
        "not-initialised": said("uninitialized"; "/v1/hosts"),
        "already-initialised": said("join again on a member"; "/v1/cluster/join"),
        "join-without-body": said("uninitialized: join without body"; "/v1/cluster/join"),
        "join-other-generation": said("join with the other"; "/v1/cluster/join"),
        "join-wrong-token": said("join with a wrong token"; "/v1/cluster/join"),
        "no-such-page": said("initialized"; "/v1/tasks/018f0000-0000-7000-8000-000000000000"),
        "no-such-task": said("initialized"; "/v1/hosts/host-2/tasks/018f0000-0000-7000-8000-000000000000"),
        "remove-unknown": said("initialized"; "/v1/hosts/nope?force=true"),
        "remove-itself": said("initialized"; "/v1/hosts/host-1?force=true"),
        "remove-with-instances": [$more[] | select(.method == "DELETE" and .status == 400)][0].body,
        "host-server": host("server"),
        "host-client": host("client"),
        "job-host": job("host"),
        "job-database": job("database")
      } | to_entries[] | "\(.key) \(.value)"' -r \
      | while read -r name text; do
        if [[ "${text}" == null ]]; then
          printf 'not recorded: %s %s\n' "${generation}" "${name}" >&2
        fi
        printf '%s\n' "${text}" >"${WORLD_SUITE}/answers/${generation}/${name}.json"
      done
  done
}
