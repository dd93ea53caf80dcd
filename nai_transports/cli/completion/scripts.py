"""The scripts that make shells ask for candidates.

They call ``nai __complete SHELL`` with what was typed, by the name or the path that was typed for ``nai``, and read a
candidate from each line. A line that begins with a tab asks for paths: ``file`` or ``directory``, and the suffixes that
files may have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["SCRIPTS"]

_BASH: Final = r"""# Completion of nai for bash 3.2 or newer. Add this line to ~/.bashrc:
#     eval "$(nai completion bash)"
_nai() {
    COMPREPLY=()
    local word
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(
        "${1/#\~/$HOME}" __complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" "$COMP_TYPE" 2>/dev/null </dev/null
    )
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[/=:] ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -F _nai nai
"""

_ZSH: Final = r"""#compdef nai
# Completion of nai for zsh. Add this line to ~/.zshrc:
#     source <(nai completion zsh)
_nai() {
    local line value summary rule
    local -a words_before lines values open_values kinds rules
    words_before=("${(@Q)words[2,CURRENT-1]}")
    lines=("${(@f)$("${words[1]/#\~/$HOME}" __complete zsh "${words_before[@]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    for line in "${lines[@]}"; do
        value=${line%%$'\t'*} summary=${line#*$'\t'}
        if [[ -z $value ]]; then
            [[ -n $summary ]] && kinds=(${(ps:\t:)summary})
            continue
        fi
        case $value in
            *[=:]) open_values+=("$line") ;;
            *) values+=("$line") ;;
        esac
    done
    # Capital and small letters count, unless nothing is found then. -n and -N are two options.
    rules=('')
    [[ $PREFIX == -* && $PREFIX != --*=* ]] || rules+=('m:{[:lower:][:upper:]}={[:upper:][:lower:]}')
    for rule in "${rules[@]}"; do
        _nai_offer values ${rule:+-M} $rule
        _nai_offer open_values -S '' ${rule:+-M} $rule
        (( compstate[nmatches] )) && break
    done
    if (( $#kinds )); then
        [[ $PREFIX == --*=* ]] && compset -P '*='
        if [[ $kinds[1] == directory ]]; then
            _files -/
        elif (( $#kinds > 1 )); then
            _files -g "*(${(j:|:)kinds[2,-1]})"
        else
            _files
        fi
    fi
}
# Offer the values in the lines of an array, with options of compadd. What _describe would cut is wrapped between words.
_nai_offer() {
    local line value summary word
    local -a found pairs shown
    local -i width=0 longest=0 end
    for line in "${(@P)1}"; do
        value=${line%%$'\t'*}
        (( ${(m)#value} > width )) && width=${(m)#value}
    done
    (( width > COLUMNS / 2 )) && width=$(( COLUMNS / 2 ))
    for line in "${(@P)1}"; do
        value=${line%%$'\t'*} summary=${${line#"$value"}#$'\t'}
        found+=("$value")
        pairs+=("${${value//\\/\\\\}//:/\\:}${summary:+:$summary}")
        (( ${(m)#value} < width )) && value=${(mr:width:)value}
        line="$value${summary:+  --}" end=COLUMNS
        for word in ${=summary}; do
            while (( ${(m)#line} > end )); do (( end += COLUMNS )); done
            if (( ${(m)#line} + 1 + ${(m)#word} > end )); then
                line="${(mr:end:)line}   "
                (( end += COLUMNS ))
            fi
            line+=" $word"
        done
        shown+=("$line")
        (( ${(m)#line} > longest )) && longest=${(m)#line}
    done
    shift
    if (( longest > COLUMNS )); then
        compadd -l -d shown "$@" -a found
    elif (( $#found )); then
        _describe -t values value pairs "$@"
    fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _nai "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
    compdef _nai nai
fi
"""

_FISH: Final = r"""# Completion of nai for fish. Keep it as a file that fish finds:
#     nai completion fish > ~/.config/fish/completions/nai.fish
function __nai_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    for line in ($program __complete fish $words[2..-1] "$current" 2>/dev/null </dev/null)
        set -l fields (string split \t -- $line)
        if test -n "$fields[1]"
            echo -- $line
            continue
        end
        set -l option (string match -r -- '^--[^=]+=' $current)
        set -l ending (string join '|' -- '/$' (string escape --style=regex -- $fields[3..-1])'$')
        test "$fields[2]" = file; and test (count $fields) = 2; and set ending '.'
        for found in (complete -C "'' "(string replace -- "$option" '' $current))
            set -l path (string split \t -- $found)[1]
            # Fish also lists paths behind a colon, which are no paths with what is before it.
            test -e (string replace -r -- '^~(?=/)' $HOME $path); or continue
            string match -rq -- $ending $path; and echo -- "$option$path"
        end
    end
end
complete -c nai -f -a '(__nai_complete)'
"""

SCRIPTS: Final[Mapping[str, str]] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
"""By the names of the shells."""
