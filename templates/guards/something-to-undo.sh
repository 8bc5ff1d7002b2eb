# An undo script has work only if a recovery has set data aside here. It checks this first, before
# it asks, stops or waits for anything.
something_to_undo() {
  local word
  word=$(recovery_word)
  if [[ "${word}" == 'new' && ! -e "${STATE}/before" && ! -e "${STATE}/cleared" ]]; then
    say "Nothing has been set aside on ${HOST}, so there is nothing to undo."
    exit 0
  fi
  passed "data of ${HOST} have been set aside in ${STATE}"
}
