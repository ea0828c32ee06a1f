# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completes `anycapture` in bash; the program says what may stand where.

# Splits what stands left of the cursor as the shell would, but runs nothing. Sets `words`, without
# their quotes, the last one in `last`; `quote` that is open in it; and `kept`, the part of it that
# readline leaves alone: behind an open quote, or a `:` or `=` that splits words for it.
__anycapture_words() {
  local line=${COMP_LINE:0:COMP_POINT} c i name unquoted_kept='' started='' at_start
  words=() last='' quote='' kept=''
  for ((i = 0; i < ${#line}; ++i)); do
    c=${line:i:1} at_start=$started started=yes
    if [[ $c == "$quote" ]]; then
      quote='' kept=$unquoted_kept
    elif [[ $quote != \' && ${line:i} =~ ^\$(\{([a-zA-Z_][a-zA-Z_0-9]*)\}|([a-zA-Z_][a-zA-Z_0-9]*)) ]]; then
      name=${BASH_REMATCH[2]}${BASH_REMATCH[3]}
      last+=${!name-} i=$((i + ${#BASH_REMATCH[0]} - 1))
    elif [[ $c == \\ && $quote != \' ]]; then
      [[ -z $quote || ${line:i+1:1} == [\"\\\$\`] ]] && i=$((i + 1)) c=${line:i:1}
      last+=$c
    elif [[ -n $quote ]]; then
      last+=$c
    elif [[ $c == [\'\"] ]]; then
      quote=$c unquoted_kept=$kept kept=$last
    elif [[ $c == [[:space:]] ]]; then
      [[ -n $at_start ]] && words+=("$last")
      last='' kept='' started=''
    else
      [[ $c == '@' && $COMP_WORDBREAKS == *@* ]] && kept=$last
      last+=$c
      [[ $c != '@' && $COMP_WORDBREAKS == *"$c"* ]] && kept=$last
    fi
  done
}

# Adds what the program said. As readline does not know about keys, they get their quotes here.
__anycapture_add_word() {
  local text=${1#"$kept"}
  case $quote in
    \') text=${text//\'/"'\\''"} ;;
    \") text=${text//\\/\\\\} text=${text//\"/\\\"} text=${text//\$/\\\$} text=${text//\`/\\\`} ;;
    *) [[ $text == *[!a-zA-Z0-9_.,:/@%+=-]* ]] && printf -v text %q "$text" ;;
  esac
  COMPREPLY+=("$text")
}

# Adds files with these endings and folders; any files if there are none such.
__anycapture_add_files() {
  local endings=" $1 " file others=() found=''
  if [[ $last == --*=* ]]; then
    last=${last#*=} kept=${kept#*=}
  fi
  while IFS= read -r file; do
    if [[ -d ${file/#\~\//$HOME/} ]]; then
      COMPREPLY+=("${file#"$kept"}")
    elif [[ $endings == *" .${file##*.} "* ]]; then
      COMPREPLY+=("${file#"$kept"}") found=yes
    else
      others+=("${file#"$kept"}")
    fi
  done < <(compgen -f -- "$last" 2>/dev/null)
  [[ -n $found ]] || COMPREPLY+=("${others[@]}")
  compopt -o filenames 2>/dev/null
}

_anycapture() {
  local words last quote kept line endings='' files=''
  __anycapture_words
  COMPREPLY=()
  [[ ${#words[@]} -gt 0 ]] || return 0
  words=("${words[@]/#\~\//$HOME/}")
  [[ ${words[0]##*/} == anycapture ]] || words[0]=anycapture # an alias
  while IFS= read -r line; do
    case $line in
      $'\t'*) files=yes endings=${line#$'\t'} ;;
      *) __anycapture_add_word "${line%%$'\t'*}" ;;
    esac
  done < <(command "${words[0]}" __complete "${words[@]:1}" "$last" 2>/dev/null)
  if [[ -n $files && ${#COMPREPLY[@]} -eq 0 ]]; then
    __anycapture_add_files "$endings"
  fi
  compopt -o nosort 2>/dev/null
  return 0
}

complete -F _anycapture anycapture
