# SPDX-License-Identifier: MIT
# Completes `anycapture` in fish; the program says what may stand where.

# Files that the current word may become: those with these endings and folders; any if none has one.
function __anycapture_files
    set -l word (commandline -ct)
    set -l prefix (string match -r -- '^-[^=]*=' $word)
    set -l files (complete -C "__fish_command_without_completions "(string replace -r -- '^-[^=]*=' '' $word | string collect))
    set -l meant
    for ending in $argv
        set -a meant (string match -- "*$ending" $files)
    end
    if set -q meant[1]
        set files $meant (string match -- '*/' $files)
    end
    string replace -r -- '^' "$prefix" $files
end

function __anycapture_complete
    set -l words
    for word in (commandline -xpc 2>/dev/null; or commandline -opc)
        set -l variable (string match -r -- '^\$(\w+)(.*)' $word)
        if test -n "$variable" -a (count $$variable[2]) -eq 1
            set word $$variable[2]$variable[3]
        end
        set -a words (string replace -r -- '^~/' "$HOME/" $word)
    end
    string match -qr -- '(^|/)anycapture$' $words[1]; or set words[1] anycapture
    command -sq $words[1]; or return
    # The program gets no start of a word but an option's: fish matches in more ways.
    set -l word (commandline -ct)
    string match -q -- '-*' $word; or set word ''
    for line in (command $words[1] __complete $words[2..-1] $word 2>/dev/null)
        if string match -q -- \t'*' $line
            __anycapture_files (string split -n ' ' -- (string trim $line))
        else
            echo $line
        end
    end
end

complete -c anycapture -f -k -a '(__anycapture_complete)'
