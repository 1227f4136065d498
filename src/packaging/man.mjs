/** Writes man pages in the language of man(7): lading.1, and a page for each command. */

/** Returns the text of each page by its file name. */
export function manPages({ version, description, commands, topics }) {
  const pages = new Map([['lading.1', overview(version, description, commands, topics)]]);
  for (const command of commands) pages.set(`lading-${command.name}.1`, pageOf(version, command, commands));
  return pages;
}

function overview(version, description, commands, topics) {
  return [
    heading('lading', version),
    ...section('Name', `lading \\- ${text(lowerFirst(description))}`),
    ...section('Synopsis', '.B lading', '.I COMMAND', `[${italic('ARGUMENT')}...] [${italic('FLAG')}...]`),
    ...section(
      'Commands',
      ...commands.flatMap(({ name, aliases, summary }) => [
        '.TP',
        `${bold([name, ...aliases].join(', '))}`,
        `${text(summary)}. See ${bold(`lading-${name}`)}(1).`,
      ]),
    ),
    ...topics.flatMap(({ topic, text: told }) =>
      section(upperFirst(topic.replace('-', ' ')), ...verbatim(told)),
    ),
    ...seeAlso(commands.map(({ name }) => `lading-${name}`)),
    '',
  ].join('\n');
}

function pageOf(version, command, commands) {
  const { name, usage, aliases, summary, arguments: given, options, examples, epilogue } = command;
  const groups = [...new Set(options.map(({ group }) => group))];
  const others =
    aliases.length > 0 ? [`Also: ${aliases.map((alias) => bold(`lading ${alias}`)).join(', ')}.`] : [];
  return [
    heading(`lading-${name}`, version),
    ...section('Name', `lading\\-${text(name)} \\- ${text(lowerFirst(summary))}`),
    ...section('Synopsis', ...synopsis(usage)),
    ...section(
      'Description',
      `${text(summary)}.`,
      ...others,
      ...(epilogue === undefined ? [] : ['.PP', text(epilogue)]),
    ),
    ...(examples.length > 0 ? section('Examples', ...examples.flatMap(example)) : []),
    ...(given.length > 0
      ? section('Arguments', ...given.flatMap((one) => ['.TP', italic(one.name), text(one.describe)]))
      : []),
    ...groups.flatMap((group) =>
      section(group, ...options.filter((option) => option.group === group).flatMap(optionLines)),
    ),
    ...seeAlso([
      'lading',
      ...commands.map((other) => `lading-${other.name}`).filter((page) => page !== `lading-${name}`),
    ]),
    '',
  ].join('\n');
}

function heading(page, version) {
  // No date: the same tree gives the same bytes.
  return `.TH ${page.toUpperCase()} 1 "" "lading ${text(version)}" "lading"`;
}

/** A heading begins a paragraph by itself. */
function section(title, ...lines) {
  return [`.SH ${title.toUpperCase()}`, ...(lines[0] === '.PP' ? lines.slice(1) : lines)];
}

function synopsis(usage) {
  const [program, command, ...rest] = usage.split(' ');
  return [`.B ${text(`${program} ${command}`)}`, ...(rest.length > 0 ? [text(rest.join(' '))] : [])];
}

function example({ line, summary }) {
  return ['.PP', `${text(summary)}:`, '.PP', '.RS 4', '.nf', text(line), '.fi', '.RE'];
}

function optionLines(option) {
  const {
    name,
    alias,
    value,
    describe,
    choices,
    default: usual,
    isRequired,
    isRepeatable,
    isOnByDefault,
  } = option;
  const long = isOnByDefault ? `--[no-]${name}` : `--${name}`;
  const names = [alias === undefined ? [] : `-${alias}`, long].flat().map(bold).join(', ');
  const notes = [
    ...(choices === undefined ? [] : [`One of ${choices.join(', ')}.`]),
    ...(usual === undefined ? [] : [`Default: ${usual}.`]),
    ...(isRequired ? ['Required.'] : []),
    ...(isRepeatable ? ['Can be given several times.'] : []),
  ];
  return [
    '.TP',
    `${names}${value === undefined ? '' : `${value.startsWith('[') ? '' : ' '}${italic(value)}`}`,
    text([`${describe}.`, ...notes].join(' ')),
  ];
}

function verbatim(told) {
  return ['.nf', ...told.trimEnd().split('\n').map(text), '.fi'];
}

function seeAlso(pages) {
  return section(
    'See also',
    ...pages.map((page, place) => `.BR ${text(page)} (1)${place < pages.length - 1 ? ',' : ''}`),
  );
}

/** Escapes what man(7) would take for its own: backslashes, hyphens that people copy, and lines that begin with a dot. */
function text(plain) {
  return plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('’', '\\(cq')
    .replaceAll('…', '...')
    .replace(/^(?=[.'])/gm, '\\&');
}

function bold(plain) {
  return `\\fB${text(plain)}\\fR`;
}

function italic(plain) {
  return `\\fI${text(plain)}\\fR`;
}

function lowerFirst(plain) {
  return plain.replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase()).replace(/\.$/, '');
}

function upperFirst(plain) {
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}
