/**
 * `balsam completion SHELL`: the script that makes a shell complete commands, options, states, workflows, applications and
 * ids. The scripts hold no words of their own: they ask `balsam __complete`, so that they never grow old.
 */
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { didYouMean } from '../../base/suggest.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

const BASH = `# balsam completion for bash: eval "$(balsam completion bash)", in ~/.bashrc for every shell.
_balsam() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$(printf '%q' "\${line%%$'\\t'*}")")
  done < <(balsam __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _balsam balsam
`;

const ZSH = `#compdef balsam
# balsam completion for zsh: eval "$(balsam completion zsh)" after compinit, in ~/.zshrc for every shell.
_balsam() {
  local line value
  local -a described
  while IFS= read -r line; do
    value=\${line%%$'\\t'*}
    described+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done < <(balsam __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe balsam described
}
compdef _balsam balsam
`;

const FISH = `# balsam completion for fish: balsam completion fish > ~/.config/fish/completions/balsam.fish
complete -c balsam -f -a '(balsam __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`;

const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH };

export const completionCommand = defineCommand({
  meta: { name: 'completion', description: 'Print the completion script of a shell' },
  args: { shell: { type: 'positional', required: true, description: SHELLS.join(', ') } },
  run({ args }) {
    const shell = SHELLS.find((known) => known === args.shell);
    if (shell === undefined)
      throw new UserError(
        `completion knows ${SHELLS.join(', ')}, not ${JSON.stringify(args.shell)}${didYouMean(args.shell, SHELLS)}`,
      );
    process.stdout.write(SCRIPTS[shell]);
  },
});
