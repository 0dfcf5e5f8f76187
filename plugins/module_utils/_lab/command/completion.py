# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm completion``: what has a shell complete ``dumm``, and the manual page.

The scripts ask ``dumm completion --candidates`` at each Tab, so that they know the guests there are now.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from . import words as known
from .main import VERBS
from .usage import VERSION, Parser

_SHELLS = {
    "bash": """\
# dumm(1) for bash: source <(dumm completion bash)
_dumm() {
    local cur=${COMP_WORDS[COMP_CWORD]} found words
    # A colon is part of a word here (alice:eth0), and bash divides at it.
    words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n : -w words -c cur -i COMP_CWORD 2>/dev/null && words=("${words[@]:1:COMP_CWORD}")
    fi
    mapfile -t found < <("${COMP_WORDS[0]}" completion --candidates -- "${words[@]}" 2>/dev/null)
    if [ "${found[0]}" = ":files" ]; then
        compopt -o default; COMPREPLY=(); return
    fi
    COMPREPLY=("${found[@]}")
    ! declare -F __ltrim_colon_completions >/dev/null || __ltrim_colon_completions "$cur"
}
complete -F _dumm dumm
""",
    "zsh": """\
#compdef dumm
# dumm(1) for zsh: source <(dumm completion zsh)
_dumm() {
    local -a found
    found=("${(@f)$("${words[1]}" completion --candidates -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ "${found[1]}" == ":files" ]]; then _files; else compadd -- "${(@)found:#}"; fi
}
compdef _dumm dumm
""",
    "fish": """\
# dumm(1) for fish: dumm completion fish | source
function __dumm_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found ($words[1] completion --candidates -- $words[2..-1] 2>/dev/null)
    if test "$found[1]" = ":files"
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $found
    end
end
complete -c dumm -f -a '(__dumm_complete)'
""",
}
_EXAMPLES = """\
  dumm completion bash >/etc/bash_completion.d/dumm
  dumm completion zsh >/usr/local/share/zsh/site-functions/_dumm
  dumm completion fish >~/.config/fish/completions/dumm.fish
  dumm completion man >/usr/local/share/man/man1/dumm.1
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Print a script, the manual page, or candidates."""
    parser = Parser("dumm completion", "Print what completes dumm in a shell, or its manual page.", _EXAMPLES, workdir)
    parser.add_argument("what", metavar="SHELL", choices=[*_SHELLS, "man"], nargs="?", help="bash, zsh, fish, or man")
    parser.add_argument("--candidates", action="store_true", help="print what the last of the words may become")
    parser.add_rest("words", metavar="WORD", help="words that are typed")
    typed = list(words)
    if typed[:2] == ["--candidates", "--"]:
        for each in known.candidates(typed[2:], VERBS, parser.get_default("workdir")):
            sys.stdout.write(f"{each}\n")
        return 0
    wanted = parser.parse_args(typed)
    if wanted.what == "man":
        parsers = {verb: known.parser_of(verb) for verb in VERBS}
        summaries = {verb: each.summary for verb, each in VERBS.items()}
        sys.stdout.write(known.manual(parsers, summaries, VERSION))
        return 0
    if wanted.what is None:
        parser.error("name a shell")
    sys.stdout.write(_SHELLS[wanted.what])
    return 0
