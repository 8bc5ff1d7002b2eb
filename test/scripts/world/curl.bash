# shellcheck shell=bash
# curl: the Control Plane's API on every host, in both generations, with the bodies that were
# recorded; the metrics of an etcd a script has started; and Docker's socket.

is_mutation() {
  [[ " $* " == *' --request POST '* || " $* " == *' --request DELETE '* ]]
}

act() {
  local url='' authority host port cp up power generation scheme
  METHOD=GET HTTP='2' OUTPUT='' HEADERS='' BODY='' CACERT='' CERT=''
  curl_options "$@"
  url="${URL}"
  take generation generation
  ANSWERS="${WORLD_SUITE}/answers/${generation}"
  GENERATION="${generation}"
  if [[ "${SOCKET}" == '/nonexistent' ]]; then return 7; fi
  if [[ -n "${SOCKET}" ]]; then
    curl_engine "${url}"
    return
  fi
  scheme="${url%%://*}"
  authority="${url#*://}"
  THERE="/${authority#*/}"
  authority="${authority%%/*}"
  port="${authority##*:}"
  host="${authority%:*}"
  host="${host#\[}"
  host="${host%\]}"
  if [[ -e "${STATE_DIR}/names/${host}" ]]; then IFS= read -r host <"${STATE_DIR}/names/${host}"; fi
  if [[ "${host}" == 127.0.0.1 && "${scheme}" == https ]]; then
    curl_copy "https://${authority}"
    return
  elif [[ "${host}" == 127.0.0.1 ]]; then
    curl_metrics "http://${authority}"
    return
  fi
  host_at "${host}" "${port}"
  if [[ "${KIND}" == client ]]; then
    curl_etcd "${authority}"
    return
  elif [[ "${KIND}" == peer ]]; then
    curl_peer "${authority}"
    return
  fi
  if [[ "${KIND}" != api ]]; then
    printf 'curl: (6) Could not resolve host: %s\n' "${host}" >&2
    return 6
  fi
  take cp "host/${AT}/cp" off
  take up "host/${AT}/api" down
  take power "host/${AT}/power" off
  if [[ "${power}" != on ]]; then return 28; fi
  curl_tls "${scheme}" || return 60
  case "${cp}:${up}" in
    noquorum:*)
      if [[ "${THERE}" == /v1/version ]]; then answer_file 200 version; else return 28; fi
      ;;
    uninitialised:up) curl_uninitialised ;;
    serving:up | intact:*) curl_serving ;;
    *)
      printf 'curl: (7) Failed to connect to %s port %s: Connection refused\n' "${host}" "${port}" >&2
      return 7
      ;;
  esac
}

curl_options() {
  SOCKET='' URL='' WRITE='' KEY=''
  while (($# > 0)); do
    case "$1" in
      -q | --silent | --show-error | --globoff) ;;
      --http1.1) HTTP='1.1' ;;
      --noproxy | --connect-timeout | --max-time | --header) shift ;;
      --write-out) WRITE="$2" && shift ;;
      --output) OUTPUT="$2" && shift ;;
      --dump-header) HEADERS="$2" && shift ;;
      --request) METHOD="$2" && shift ;;
      --cacert) CACERT="$2" && shift ;;
      --cert) CERT="$2" && shift ;;
      --key) KEY="$2" && shift ;;
      --unix-socket) SOCKET="$2" && shift ;;
      --data-binary)
        if [[ "$2" == @* ]]; then
          BODY=$(<"${2#@}")
        elif [[ "$2" == '{"linearizable": false}' ]]; then
          BODY="$2"
        else
          broken "a body as an argument"
        fi
        shift
        ;;
      --) ;;
      -*) broken "$1" ;;
      *) URL="$1" ;;
    esac
    shift
  done
}

# Over https the API answers only clients with its client certificate.
curl_tls() {
  local want
  take want scheme http
  if [[ "$1" != "${want}" ]]; then
    printf 'curl: (35) wrong scheme %s\n' "$1" >&2
    return 1
  fi
  if [[ "$1" == https && (! -s "${CACERT}" || ! -s "${CERT}") ]]; then
    printf 'curl: (58) could not load the client certificate\n' >&2
    return 1
  fi
}

# reply STATUS BODY
reply() {
  if [[ -n "${OUTPUT}" ]]; then printf '%s\n' "$2" >"${OUTPUT}"; fi
  if [[ -n "${HEADERS}" ]]; then
    printf 'HTTP/1.1 %s\r\nDate: %(%a, %d %b %Y %H:%M:%S GMT)T\r\n\r\n' "$1" \
      "$((EPOCHSECONDS + $(clock_there)))" >"${HEADERS}"
  fi
  written "$1" 0.000321
}

# written STATUS CONNECTED: what --write-out asks for.
written() {
  local text="${WRITE:-%{http_code\}}"
  text="${text//%\{http_code\}/$1}"
  text="${text//%\{time_connect\}/$2}"
  printf '%b' "${text}"
}

# curl_etcd AUTHORITY: the health and the figures that an etcd reports to clients with a certificate.
curl_etcd() {
  local cp power port word reason
  take power "host/${AT}/power" off
  take cp "host/${AT}/cp" off
  port="${1##*:}"
  word="${1%:*}"
  word="${word#\[}"
  word=$(port_state "${word%\]}" "${port}")
  case "${word}" in
    open) ;;
    closed)
      printf 'curl: (7) Failed to connect to %s port %s: Connection refused\n' "${1%:*}" "${port}" >&2
      written 000 0.000000
      return 7
      ;;
    *)
      printf 'curl: (28) Connection timed out after 2001 milliseconds\n' >&2
      written 000 0.000000
      return 28
      ;;
  esac
  take word "host/${AT}/mute" no
  if [[ "${word}" != no ]]; then
    written 000 0.000310
    return 28
  fi
  if [[ ! -s "${CACERT}" || ! -s "${CERT}" || ! -s "${KEY}" ]]; then
    printf 'curl: (58) could not load PEM client certificate\n' >&2
    written 000 0.000310
    return 58
  fi
  if ! openssl verify -CAfile "${CACERT}" "${CERT}" >/dev/null 2>&1; then
    printf 'curl: (56) OpenSSL SSL_read: error:0A000415:SSL routines::sslv3 alert certificate expired, errno 0\n' >&2
    written 000 0.000310
    return 56
  fi
  case "${THERE}" in
    /health*)
      take reason "host/${AT}/health"
      word='{"health":"true","reason":""}'
      if [[ -n "${reason}" ]]; then
        word="{\"health\":\"false\",\"reason\":\"${reason}\"}"
      elif [[ "${cp}" == noquorum || "${cp}" == stuck ]] || { [[ "${cp}" == serving ]] && ! quorate; }; then
        word='{"health":"false","reason":"RAFT NO LEADER"}'
      fi
      printf '%s' "${word}"
      ;;
    /metrics)
      data_of "${AT}"
      db_field "${DATA}/etcd/member/snap/db" revision
      take word "host/${AT}/revision" "${FIELD_TEXT}"
      if [[ "${word}" == none ]]; then word=''; fi
      take reason "host/${AT}/raft-index" "${word}"
      [[ -z "${word}" ]] || printf 'etcd_debugging_mvcc_current_revision %s\netcd_server_proposals_applied_total %s\n' "${word}" "${reason}"
      printf 'etcd_debugging_mvcc_keys_total 321\netcd_mvcc_db_total_size_in_bytes 2.048e+03\n'
      ;;
    /v3/cluster/member/list)
      [[ "${BODY}" == '{"linearizable": false}' ]] || broken "member list ${BODY}"
      take word "host/${AT}/etcd-cluster" 4029814307242181956
      printf '{"header":{"cluster_id":"%s", "member_id":"18028722028808219690", "raft_term":"2"}, "members":[]}' "${word}"
      printf 'HTTP/2 200\r\ndate: %(%a, %d %b %Y %H:%M:%S GMT)T\r\n\r\n' \
        "$((EPOCHSECONDS + $(clock_there)))" >"${HEADERS}"
      return
      ;;
    *) broken "etcd ${THERE}" ;;
  esac
  written 200 0.000310
}

# curl_peer AUTHORITY: an etcd names the members it knows at its peer port, whether it has a leader
# or not. A process that hangs says nothing.
curl_peer() {
  local word
  word=$(port_state "${1%:*}" "${1##*:}")
  if [[ "${word}" != open ]]; then return 7; fi
  take word "host/${AT}/mute" no
  if [[ "${word}" == yes ]]; then return 28; fi
  # What speaks HTTP/2 there is taken for another member.
  if [[ "${HTTP}" != '1.1' ]]; then return 52; fi
  [[ "${THERE}" == /members && -s "${CACERT}" && -s "${CERT}" && -s "${KEY}" ]] || broken "peer ${THERE}"
  take word "host/${AT}/cluster" old
  awk -F '|' 'BEGIN { printf "[" }
      { printf "%s{\"id\":%d,\"isLearner\":%s}", (NR > 1 ? "," : ""), NR, ($6 == "true" ? "true" : "false") }
      END { print "]" }' "${STATE_DIR}/members/${word}"
}

# curl_copy URL: an etcd that a script has started on a copy of its data.
curl_copy() {
  local directory
  if ! process_on "$1" || ! grep -qxF ready=yes "${PROCESS}"; then
    written 000 0.000000
    return 7
  fi
  directory=$(sed -n 's/^directory=//p' "${PROCESS}")
  db_field "${directory}/member/snap/db" revision
  case "${THERE}" in
    /health*) printf '{"health":"true","reason":""}' ;;
    /metrics)
      printf 'etcd_debugging_mvcc_current_revision %s\netcd_server_proposals_applied_total 99999\n' \
        "${FIELD_TEXT}"
      printf 'etcd_debugging_mvcc_keys_total 321\n'
      ;;
    *) broken "etcd on a copy ${THERE}" ;;
  esac
}

clock_there() {
  local gap
  take gap clock-gap 0
  printf '%s\n' "${gap}"
}

answer_file() {
  [[ -e "${ANSWERS}/$2.json" ]] || broken "no recorded answer $2 for ${GENERATION}"
  reply "$1" "$(<"${ANSWERS}/$2.json")"
}

# answer_with STATUS BODY ARGUMENT...: a fault's answer.
answer_with() {
  OUTPUT='' HEADERS=''
  curl_options "${@:3}"
  reply "$1" "$2"
}

curl_uninitialised() {
  case "${METHOD} ${THERE}" in
    'GET /v1/version') answer_file 200 version ;;
    'POST /v1/cluster/join') curl_join ;;
    *) answer_file 409 not-initialised ;;
  esac
}

curl_serving() {
  local path="${THERE%%\?*}"
  if ! quorate && [[ "${path}" != /v1/version ]]; then
    local cp
    take cp "host/${AT}/cp"
    [[ "${cp}" == intact ]] || return 28
  fi
  case "${METHOD} ${path}" in
    'GET /v1/version') answer_file 200 version ;;
    'GET /v1/hosts') reply 200 "{\"hosts\":[$(curl_hosts)]}" ;;
    'GET /v1/cluster')
      reply 200 "{\"id\":\"0a8116e3-4f10-4a03-88f8-206be21cf6e5\",\"status\":{\"state\":\"available\"},\"hosts\":[$(curl_hosts)]}"
      ;;
    'GET /v1/cluster/join-token') curl_token ;;
    'POST /v1/cluster/join') answer_file 409 already-initialised ;;
    'GET /v1/databases') curl_databases ;;
    'GET /v1/databases/'*'/tasks') curl_jobs database "$(part 3)" ;;
    'GET /v1/databases/'*'/tasks/'*) curl_job "$(part 5)" ;;
    'GET /v1/databases/'*) curl_database "$(part 3)" ;;
    'POST /v1/databases/'*) curl_update "$(part 3)" ;;
    'GET /v1/tasks')
      if [[ "${GENERATION}" == 0.6 ]]; then answer_file 404 no-such-page; else curl_jobs '' ''; fi
      ;;
    'GET /v1/hosts/'*'/tasks')
      if [[ "${GENERATION}" == 0.6 ]]; then answer_file 404 no-such-page; else curl_jobs host "$(part 3)"; fi
      ;;
    'GET /v1/hosts/'*'/tasks/'*)
      if [[ "${GENERATION}" == 0.6 ]]; then answer_file 404 no-such-page; else curl_job "$(part 5)"; fi
      ;;
    'GET /v1/hosts/'*) broken "${METHOD} ${THERE}: an unknown id answers 500, never ask so" ;;
    'DELETE /v1/hosts/'*) curl_remove "$(part 3)" ;;
    *) broken "${METHOD} ${THERE}" ;;
  esac
}

# part N: of the path.
part() {
  local -a parts=()
  IFS=/ read -ra parts <<<"${THERE%%\?*}"
  printf '%s\n' "${parts[$1]}"
}

# curl_hosts: the records, each as it was recorded, with this world's names and states.
curl_hosts() {
  local file host text mode address node seen state cp generation_text first=yes
  for file in "${STATE_DIR}"/record/*; do
    host="${file##*/}"
    take mode "record/${host}"
    take address "host/${host}/addresses"
    take node "host/${host}/node"
    take cp "host/${host}/cp" off
    if [[ "${cp}" == serving || "${cp}" == intact ]]; then
      seen="${EPOCHSECONDS}"
    else
      take seen "host/${host}/seen" 0
    fi
    take state "host/${host}/deaf" no
    if [[ "${state}" != no ]]; then seen=$((EPOCHSECONDS - 90)); fi
    state=healthy
    if ((seen < EPOCHSECONDS - 30)); then state=unreachable; fi
    text=$(<"${ANSWERS}/host-${mode}.json")
    text="${text//@ID@/${host}}"
    text="${text//@ADDRESS@/${address}}"
    text="${text//@NODE@/${node}}"
    text="${text//@STATE@/${state}}"
    printf -v generation_text '%(%FT%TZ)T' "${seen}"
    text="${text//@UPDATED@/${generation_text}}"
    [[ "${first}" == yes ]] || printf ','
    first=no
    printf '%s' "${text}"
  done
}

curl_token() {
  local token address port scheme
  take token token
  take address "host/${AT}/addresses"
  take port "host/${AT}/api-port"
  take scheme scheme http
  address="${scheme}://$(bracketed "${address}"):${port}"
  if [[ "${GENERATION}" == 0.6 ]]; then
    reply 200 "{\"token\":\"${token}\",\"server_url\":\"${address}\"}"
  else
    reply 200 "{\"token\":\"${token}\",\"server_urls\":[\"${address}\"]}"
  fi
}

curl_join() {
  local token mode record current key=server_urls other
  take token token
  take mode "host/${AT}/mode"
  take record "record/${AT}"
  take current current
  if [[ "${GENERATION}" == 0.6 ]]; then key=server_url; fi
  if [[ -z "${BODY}" ]]; then
    answer_file 400 join-without-body
  elif [[ "${BODY}" != *"\"${key}\":"* ]]; then
    answer_file 400 join-other-generation
  elif [[ "${BODY}" != *"\"${token}\""* ]]; then
    answer_file 401 join-wrong-token
  elif [[ -n "${record}" ]]; then
    reply 400 "{\"name\":\"invalid_input\",\"message\":\"a host with ID ${AT} already exists in the cluster\"}"
  elif ! quorate; then
    return 28
  else
    other=$(awk -F '|' '$6 == "true" || $2 != "started"' "${STATE_DIR}/members/${current}")
    if [[ "${mode}" == server && -n "$(entries "${current}" "${AT}")" ]]; then
      reply 500 '{"name":"server_error","message":"failed to join existing cluster: exhausted retries. final error: failed to add this etcd server as learner: etcdserver: Peer URLs already exists"}'
      return
    elif [[ "${mode}" == server && -n "${other}" ]]; then
      reply 500 '{"name":"server_error","message":"etcdserver: too many learner members in cluster"}'
      return
    fi
    put "users/${current}/host-${AT}" "joined-secret-of-${AT}"
    give_certificates "${AT}"
    give_config "${AT}" "${mode}" "joined-secret-of-${AT}"
    if [[ "${mode}" == server ]]; then
      add_member "${current}" "${AT}"
      give_etcd "${AT}" "${current}" "$(revision_of "${current}")"
    fi
    put "record/${AT}" "${mode}"
    put "host/${AT}/cp" serving
    reply 204 ''
  fi
}

# ---- databases

curl_databases() {
  local file text='' id
  for file in "${STATE_DIR}"/database/*.json; do
    id="${file##*/}"
    text="${text}${text:+,}$(database_now "${id%.json}" | jq -c 'del(.spec)')"
  done
  if [[ -z "${text}" && "${GENERATION}" == 0.6 ]]; then
    reply 200 '{}'
  else
    reply 200 "{\"databases\":[${text}]}"
  fi
}

# database_now ID: an instance whose host does not write its status reads as unknown.
database_now() {
  local host cp serving='' now
  for host in "${HOSTS[@]}"; do
    take cp "host/${host}/cp" off
    if [[ "${cp}" == serving || "${cp}" == intact ]]; then serving="${serving} ${host}"; fi
  done
  printf -v now '%(%FT%TZ)T' "${EPOCHSECONDS}"
  jq -c --arg serving "${serving}" --arg now "${now}" '($serving | split(" ")) as $up
    | .instances |= map(if (.host_id | IN($up[])) then .status_updated_at = $now
      elif .state == "available" then .state = "unknown" else . end)' \
    "${STATE_DIR}/database/$1.json"
}

curl_database() {
  if [[ ! -e "${STATE_DIR}/database/$1.json" ]]; then
    reply 404 '{"name":"not_found","message":"database not found"}'
  else
    reply 200 "$(database_now "$1")"
  fi
}

# curl_update ID: strict about what the real one is strict about.
curl_update() {
  local file="${STATE_DIR}/database/$1.json" state gone='' pair text up='' host cp
  state=$(jq -r .state "${file}")
  if [[ "${state}" == modifying ]]; then
    reply 409 '{"name":"database_not_modifiable","message":"the target database is not modifiable in its current state"}'
    return
  fi
  if [[ "${GENERATION}" != 0.6 && "${THERE}" == *\?* ]]; then
    pair="${THERE#*\?}"
    pair="${pair//&/ }"
    gone="${pair//remove_host=/}"
  fi
  for host in "${HOSTS[@]}"; do
    take cp "host/${host}/cp" off
    if [[ "${cp}" == serving ]]; then up="${up} ${host}"; fi
  done
  text=$(jq -r --arg gone "${gone}" --arg up "${up}" --slurpfile now "${file}" '
    ($gone | split(" ")) as $gone | ($up | split(" ")) as $up
    | [.spec.nodes[]?.host_ids[]] as $asked | $now[0] as $now
    | if (.spec.nodes | length) == 0 then "400 nodes must have 1 element or more"
      elif .tenant_id != $now.tenant_id then "400 invalid database update: tenant ID cannot be changed"
      elif any(.spec.nodes[]; .source_node) then "400 nodes[1].source_node: source node does not exist"
      elif $asked - ($asked - $gone) != [] then "hang"
      elif ($asked - $up) != [] then "hang"
      elif ([$now.instances[]?.host_id] - $gone - $up) != [] then "hang"
      else "ok" end' <<<"${BODY}")
  case "${text}" in
    hang) return 28 ;;
    ok) ;;
    *)
      reply "${text%% *}" "{\"name\":\"invalid_input\",\"message\":\"${text#* }\"}"
      return
      ;;
  esac
  jq -c --argjson body "${BODY}" '.state = "modifying" | .spec = $body.spec' "${file}" >"${file}.new"
  mv -- "${file}.new" "${file}"
  job update database "$1" "${gone}"
  reply 200 "{\"task\":$(job_text "${JOB}"),\"database\":$(<"${file}")}"
}

# ---- jobs

job_text() {
  local type scope entity status created error text
  take type "job/$1/type"
  take scope "job/$1/scope"
  take entity "job/$1/entity"
  take status "job/$1/status"
  take created "job/$1/created"
  take error "job/$1/error"
  text=$(<"${ANSWERS}/job-${scope}.json")
  text="${text//@ENTITY@/${entity}}"
  text="${text//@TASK@/$1}"
  text="${text//@TYPE@/${type}}"
  text="${text//@STATUS@/${status}}"
  printf -v created '%(%FT%TZ)T' "${created}"
  text="${text//@CREATED@/${created}}"
  if [[ "${status}" == failed ]]; then
    text="${text%\}},\"error\":\"${error}\"}"
  fi
  printf '%s\n' "${text}"
}

curl_job() {
  if [[ -d "${STATE_DIR}/job/$1" ]]; then
    reply 200 "$(job_text "$1")"
  else
    answer_file 404 no-such-task
  fi
}

# curl_jobs SCOPE ENTITY: either may be empty.
curl_jobs() {
  local dir id scope entity text=''
  for dir in "${STATE_DIR}"/job/*/; do
    id="${dir%/}"
    id="${id##*/}"
    take scope "job/${id}/scope"
    take entity "job/${id}/entity"
    if [[ (-z "$1" || "$1" == "${scope}") && (-z "$2" || "$2" == "${entity}") ]]; then
      text="${text}${text:+,}$(job_text "${id}")"
    fi
  done
  reply 200 "{\"tasks\":[${text}]}"
}

curl_remove() {
  local record instances
  take record "record/$1"
  if [[ -z "${record}" ]]; then
    answer_file 404 remove-unknown
    return
  elif [[ "$1" == "${AT}" ]]; then
    answer_file 400 remove-itself
    return
  fi
  instances=$(cat -- /dev/null "${STATE_DIR}"/database/*.json | jq -s --arg id "$1" \
    '[.[] | .instances[]? | select(.host_id == $id)] | length')
  if [[ "${instances}" != 0 ]]; then
    if [[ "${THERE}" == *force=true* ]]; then
      violation "a host with instances was removed by force: $1"
    fi
    answer_file 400 remove-with-instances
    return
  fi
  if [[ "${GENERATION}" == 0.6 ]]; then
    event 2 record-gone "$1"
    reply 200 '{"update_database_tasks":[]}'
    return
  fi
  job remove_host host "$1"
  reply 200 "{\"task\":$(job_text "${JOB}"),\"update_database_tasks\":[]}"
}

# ---- not the Control Plane

curl_metrics() {
  local file logins=1
  for file in "${WORLD}"/processes/*; do
    if lives "${file##*/}" && grep -qxF -- "metrics=$1" "${file}"; then
      take logins logins 1
      reply 200 "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Authenticate\",grpc_service=\"etcdserverpb.Auth\"} ${logins}"
      put logins "$((logins + 1))"
      return
    fi
  done
  return 7
}

# Docker's own API on its socket: the one call whose command line would show a secret.
curl_engine() {
  local token role word
  [[ "${METHOD} $1" == 'POST http://localhost/swarm/join' ]] || broken "engine ${METHOD} $1"
  token=$(jq -r .JoinToken <<<"${BODY}")
  # shellcheck source=test/scripts/world/docker.bash
  source "${WORLD_HOME}/docker.bash"
  take word "host/${WORLD_HOST}/swarm" inactive
  if [[ "${word}" != inactive ]]; then
    reply 503 '{"message":"This node is already part of a swarm."}'
    return
  fi
  case "${token}" in
    SWMTKN-1-worldmanager-0s3cr3t) role=manager ;;
    SWMTKN-1-worldworker-0s3cr3t) role=worker ;;
    *)
      reply 400 '{"message":"rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster"}'
      return
      ;;
  esac
  machine_enters "${WORLD_HOST}" "${role}"
  reply 200 ''
}
