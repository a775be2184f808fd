# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
#
# fish completion for ocppctl. Commands, stations, actions and their members come from the running
# daemon: `ocppctl --complete WORD...` prints what the last word can become.

function __ocppctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]

    # What stands before the command tells where the daemon is.
    set -l before
    while set -q words[1]; and string match -q -- '-*' $words[1]
        switch $words[1]
            case --socket --url --token --token-file --wait --output -o
                # Its value is being written: no word of ours.
                test (count $words) -gt 1; or return
                set -a before $words[1] $words[2]
                set -e words[1..2]
            case '*'
                set -a before $words[1]
                set -e words[1]
        end
    end
    timeout 3 $program $before --wait 2 --complete $words "$current" 2>/dev/null
end

complete -c ocppctl -f -a '(__ocppctl_complete)'
complete -c ocppctl -l socket -r -F -d "the daemon's Unix socket"
complete -c ocppctl -l url -x -d "the daemon's address"
complete -c ocppctl -l token -x -d "bearer token"
complete -c ocppctl -l token-file -r -F -d "file of the bearer token"
complete -c ocppctl -l wait -x -d "seconds to wait for an answer"
complete -c ocppctl -s o -l output -r -F -d "file for the answer"
complete -c ocppctl -l json -d "the answer as it came"
complete -c ocppctl -l help
complete -c ocppctl -l version
