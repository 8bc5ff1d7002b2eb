# guide 2.4 and 3.3. The guide's 1001:1001 occurs nowhere in the product, whose image runs as root.
# Owner, group, mode and SELinux label are those of the directory set aside or, in a total loss, of
# the certificates; or owner and group are the inventory's.
# fix_ownership reference|USER:GROUP
fix_ownership() {
  local like="${STATE}/before/etcd" seen user group bits wrong
  local -a owner=("$1") permissions=(0700)
  seen="${like}"
  if [[ ! -d "${like}" ]]; then
    if ((work > 0)) && [[ -d "${ETCD_DIR}" ]]; then
      seen="${ETCD_DIR}" # what the earlier step will have set aside
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
    # What root restores is root's and 0700.
    if [[ "${user}:${group}:${bits}" =~ ^(0|root):(0|root):700$ ]]; then
      wrong=''
    elif [[ "${step}" == '2.4' ]]; then
      wrong='yes'
    else
      cannot_know "whether etcd has made files that are not ${user}:${group}'s"
      return
    fi
  else
    wrong=$(fix_ownership_wrong "${user}" "${group}" "${bits}")
  fi
  if [[ -z "${wrong}" ]]; then
    already "${ETCD_DIR} is ${user}:${group}'s, mode ${bits}"
  else
    mutate chown -R "${owner[@]}" -- "${ETCD_DIR}"
    mutate chmod "${permissions[@]}" -- "${ETCD_DIR}"
    prove '' "${ETCD_DIR} is ${user}:${group}'s, mode ${bits}" 'look at the file that is named' \
      fix_ownership_wrong "${user}" "${group}" "${bits}"
  fi
  fix_ownership_label "${like}"
}

# fix_ownership_wrong USER GROUP MODE: the first file that is not as it should be, or nothing.
fix_ownership_wrong() {
  local bits
  bits=$(stat -c %a -- "${ETCD_DIR}")
  if [[ "${bits}" != "$3" ]]; then
    printf '%s\n' "${ETCD_DIR} has mode ${bits}"
    return
  fi
  find "${ETCD_DIR}" \( ! -user "$1" -o ! -group "$2" \) -print -quit
}

# fix_ownership_label LIKE: the SELinux label, where there is SELinux.
fix_ownership_label() {
  local want have
  if [[ ! -e /sys/fs/selinux/enforce ]]; then
    return
  fi
  if ((work > 0)); then
    cannot_know 'whether the restored directory needs another SELinux label'
    return
  fi
  want=$(stat -c %C -- "$1")
  have=$(stat -c %C -- "${ETCD_DIR}")
  if [[ "${have}" == "${want}" ]]; then
    already "SELinux label ${want}"
    return
  fi
  mutate chcon -R --reference="$1" -- "${ETCD_DIR}"
}
