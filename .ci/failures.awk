# Output of the tests -> each failure with at most 40 lines of what it said.

function over() {
  for (i = lines > 40 ? lines - 39 : 1; i <= lines; i++) print kept[i]
  lines = 0
  open = ""
}

# The end of what a failure said: the next test of bats, the next line of a lab's scenario, the next file.
FNR == 1 { over() }
open == "bats" && !/^#/ { over() }
open == "lab" && /^[0-9][0-9a-z-]* +[0-9.]+ s  / { over() }
open == "vitest" && /^[^ ]*[-=\342]/ && NR > started + 2 { over() }

/^not ok/ { over(); open = "bats" }
/^FAILED / { over(); print; open = "lab"; next }
/FAIL .*\.test\.ts/ { over(); open = "vitest"; started = NR }
/^left behind:$/ { over(); open = "lab" }
/^== check: / { check = $0 }
/^(error|.* error TS[0-9]+:)/ && check != "" { print check; print }
/^== compiler/ { check = "" }

open != "" { kept[++lines] = $0; any = 1 }

END {
  over()
  if (!any) print "none"
}
