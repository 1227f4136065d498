/** Writes completions for shells. They know commands, flags and their choices, and leave the rest to the shell's files. */

/** Returns the script for each shell by the path that distributions give it below /usr/share. */
export function completions({ commands, topics }) {
  const explained = [...commands.flatMap(namesOf), ...topics.map(({ topic }) => topic)].join(' ');
  return new Map([
    ['bash-completion/completions/lading', bash(commands, explained)],
    ['zsh/vendor-completions/_lading', zsh(commands, explained)],
    ['fish/vendor_completions.d/lading.fish', fish(commands, explained)],
  ]);
}

const namesOf = ({ name, aliases }) => [name, ...aliases];
const flagsOf = ({ name, alias, isOnByDefault }) => [
  `--${name}`,
  ...(isOnByDefault ? [`--no-${name}`] : []),
  ...(alias === undefined ? [] : [`-${alias}`]),
];

/** True for a flag whose value stands behind `=` alone, and may be missing. */
const isBareOrJoined = ({ value }) => value?.startsWith('[=') ?? false;

function bash(commands, explained) {
  const choices = commands.flatMap((command) =>
    command.options
      .filter((option) => option.choices !== undefined)
      .map((option) => {
        const words = namesOf(command).flatMap((name) => flagsOf(option).map((flag) => `${name},${flag}`));
        return `    ${words.join('|')}) COMPREPLY=($(compgen -W '${option.choices.join(' ')}' -- "$word")); return ;;`;
      }),
  );
  const flags = commands.map(
    (command) =>
      `    ${namesOf(command).join('|')}) flags='${command.options.flatMap(flagsOf).join(' ')}' ;;`,
  );
  return `# bash completion for lading
_lading() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command='' flags='' each
  COMPREPLY=()
  # Bash makes three words of --flag=value.
  if [[ $word == = ]]; then word=''; elif [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for each in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $each != -* ]]; then command=$each; break; fi
  done
  if [[ -z $command ]]; then
    COMPREPLY=($(compgen -W '${commands.flatMap(namesOf).join(' ')} --help --version' -- "$word"))
    return
  fi
  if [[ $command == help ]]; then COMPREPLY=($(compgen -W '${explained}' -- "$word")); return; fi
  case $command,$before in
${choices.join('\n')}
  esac
  case $command in
${flags.join('\n')}
  esac
  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$word")); fi
}
complete -o default -F _lading lading
`;
}

function zsh(commands, explained) {
  const listed = commands.flatMap((command) =>
    namesOf(command).map((name) => `    ${quoted(`${name}:${command.summary}`)}`),
  );
  const others = commands.filter(({ name }) => name !== 'help');
  const cases = others.map((command) => {
    const options = command.options.flatMap((option) =>
      flagsOf(option).map((flag) => `        ${zshOption(flag, option)}`),
    );

    return `      ${namesOf(command).join('|')})\n      _arguments -s \\\n${options.map((line) => `${line} \\`).join('\n')}\n        '*:file:_files'\n      ;;`;
  });
  return `#compdef lading
_lading() {
  local -a commands
  commands=(
${listed.join('\n')}
  )
  if (( CURRENT == 2 )) && [[ $words[2] == -* ]]; then
    _arguments '--help[Show help]' '--version[Show the version]'
    return
  fi
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
      help) compadd -- ${explained} ;;
${cases.join('\n')}
  esac
}
_lading "$@"
`;
}

function zshOption(flag, option) {
  const { describe, value, choices, isRepeatable } = option;
  const what = describe.replace(/[[\]:]/g, (character) => `\\${character}`);
  const isBare = value === undefined || flag.startsWith('--no-');
  const argument = isBare
    ? ''
    : `:${value.replace(/[[\]=]/g, '').replaceAll(':', '\\:')}:${choices === undefined ? '_files' : `(${choices.join(' ')})`}`;
  const joined = isBare || !flag.startsWith('--') ? '' : '=';
  const shape = isBareOrJoined(option)
    ? `${flag}=-[${what}]:${argument}`
    : `${flag}${joined}[${what}]${argument}`;
  return quoted(`${isRepeatable ? '*' : ''}${shape}`);
}

function fish(commands, explained) {
  const lines = commands.flatMap((command) => {
    const names = namesOf(command);
    const used = `-n '__fish_seen_subcommand_from ${names.join(' ')}'`;
    return [
      ...names.map(
        (name) => `complete -c lading -n __fish_use_subcommand -f -a ${name} -d ${quoted(command.summary)}`,
      ),
      ...command.options.flatMap((option) => {
        const short = option.alias === undefined ? '' : ` -s ${option.alias}`;
        const argument =
          option.value === undefined || isBareOrJoined(option)
            ? ''
            : option.choices === undefined
              ? ' -r'
              : ` -x -a '${option.choices.join(' ')}'`;
        const line = `complete -c lading ${used} -l ${option.name}${short}${argument} -d ${quoted(option.describe)}`;
        return option.isOnByDefault
          ? [line, `complete -c lading ${used} -l no-${option.name} -d ${quoted(option.describe)}`]
          : [line];
      }),
    ];
  });
  const help = `complete -c lading -n '__fish_seen_subcommand_from help' -f -a '${explained}'`;
  return `# fish completion for lading\n${lines.join('\n')}\n${help}\n`;
}

function quoted(plain) {
  return `'${plain.replaceAll("'", "'\\''")}'`;
}
