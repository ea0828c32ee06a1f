#compdef anycapture
# SPDX-License-Identifier: MIT
# Completes `anycapture` in zsh; the program says what may stand where.

# A word without its quotes, with ~ and $NAME expanded; no command in it is run.
__anycapture_meant() {
  setopt local_options no_glob
  local word=$1
  [[ $word == *[\`\(]* ]] || word=${(e)word}
  [[ $word == \~* ]] && word=${~word}
  REPLY=${(Q)word}
}

_anycapture() {
  local -a before texts shown
  local line word REPLY files='' endings='' width=0
  for word in "${(@)words[1,CURRENT-1]}"; do
    __anycapture_meant $word 2>/dev/null
    before+=("$REPLY")
  done
  [[ ${before[1]:t} == anycapture ]] || before[1]=anycapture # an alias
  # The program gets no start of a word but an option's: zsh may match in other ways.
  word=${(Q)PREFIX}
  [[ $word == -* ]] || word=''
  local -a lines=("${(@f)$(command "${before[@]:0:1}" __complete "${before[@]:1}" "$word" 2>/dev/null)}")
  for line in $lines; do
    if [[ $line == $'\t'* ]]; then
      files=yes endings=${line#$'\t'}
    else
      texts+=("${line%%$'\t'*}")
      (( ${#texts[-1]} > width )) && width=${#texts[-1]}
    fi
  done
  for line in ${lines:#$'\t'*}; do
    line="${(r:width:)${line%%$'\t'*}}  ${line#*$'\t'}"
    shown+=("${line[1,COLUMNS-1]}")
  done
  local result=1
  (( ${#texts} )) && compadd -l -V anycapture -d shown -a texts && result=0
  if [[ -n $files ]]; then
    [[ $word == -*=* ]] && compset -P '*='
    if [[ -n $endings ]]; then
      _files -g "*.(${(j:|:)${(s: :)endings}#.})(-.)" && result=0
    else
      _files && result=0
    fi
  fi
  return $result
}

if [[ $funcstack[1] == _anycapture ]]; then
  _anycapture "$@"
else
  compdef _anycapture anycapture
fi
