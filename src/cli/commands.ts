import type { Command } from './command.js';

/** The commands. Each is loaded only when it is used. */
export const COMMANDS: readonly Command[] = [
  {
    name: 'save',
    aliases: ['pull'],
    positionals: '[IMAGE..]',
    usage: 'IMAGE... -o OUT',
    summary: 'Pull images into one archive or layout',
    load: async () => (await import('./save.js')).saveCommand,
  },
  {
    name: 'plan',
    positionals: '[IMAGE..]',
    usage: 'IMAGE... [-o OUT]',
    summary: 'Show the bytes, space and pulls that a save will take, before its first byte',
    load: async () => (await import('./plan.js')).planCommand,
  },
  {
    name: 'lock',
    positionals: '[IMAGE..]',
    usage: 'IMAGE... -o FILE',
    summary: 'Write the digests of images into a lock, for saves of the same bytes later',
    load: async () => (await import('./lock.js')).lockCommand,
  },
  {
    name: 'load',
    aliases: ['push'],
    positionals: 'DEST [IMAGE..]',
    usage: '-i PATH DEST [IMAGE...]',
    summary: 'Push the images of an archive or layout into a registry',
    load: async () => (await import('./load.js')).loadCommand,
  },
  {
    name: 'copy',
    positionals: 'SRC DST',
    usage: 'SRC DST',
    summary: 'Copy images from any store to any other',
    load: async () => (await import('./copy.js')).copyCommand,
  },
  {
    name: 'convert',
    positionals: 'SRC [REF]',
    usage: 'SRC [REF] --to FORMAT -o OUT',
    summary: 'Turn images into another manifest format, offline',
    load: async () => (await import('./convert.js')).convertCommand,
  },
  {
    name: 'serve',
    positionals: '[PATH..]',
    usage: 'PATH...',
    summary: 'Serve archives and layouts as a registry, without unpacking them',
    load: async () => (await import('./serve.js')).serveCommand,
  },
  {
    name: 'verify',
    positionals: '<PATH..>',
    usage: 'PATH...',
    summary: 'Check everything in an archive or layout, offline',
    load: async () => (await import('./verify.js')).verifyCommand,
  },
  {
    name: 'inspect',
    positionals: 'SOURCE [REF]',
    usage: 'SOURCE [REF]',
    summary: 'Show images, platforms, layers, sizes, history and config',
    load: async () => (await import('./inspect.js')).inspectCommand,
  },
  {
    name: 'ls',
    positionals: 'SOURCE',
    usage: 'SOURCE',
    summary: 'List the images of an archive, the tags of a repository, the repositories of a registry',
    load: async () => (await import('./list.js')).listCommand,
  },
  {
    name: 'find',
    positionals: '<PATH..>',
    usage: 'PATH...',
    summary: 'Find the names of images in manifests, charts, compose files, lists',
    load: async () => (await import('./find.js')).findCommand,
  },
  {
    name: 'index',
    positionals: 'BUCKET',
    usage: 's3://BUCKET[/PREFIX]',
    summary: 'Write the index.json of a bucket, for tools that read layouts',
    load: async () => (await import('./index-command.js')).indexCommand,
  },
  {
    name: 'login',
    positionals: '[HOST]',
    usage: '[HOST]',
    summary: 'Check a login at a registry and store it',
    load: async () => (await import('./login.js')).loginCommand,
  },
  {
    name: 'logout',
    positionals: '[HOST]',
    usage: '[HOST]',
    summary: 'Remove a stored login',
    load: async () => (await import('./logout.js')).logoutCommand,
  },
  {
    name: 'auth',
    positionals: 'HOST',
    usage: 'HOST',
    summary: 'Say which login would be used at a registry, and where it comes from',
    load: async () => (await import('./auth.js')).authCommand,
  },
  {
    name: 'config',
    positionals: '[COMMAND]',
    usage: '[COMMAND]',
    summary: 'Show settings, and whether a flag, a variable, a file or the default sets them',
    load: async () => (await import('./config.js')).configCommand,
  },
  {
    name: 'help',
    positionals: '[TOPIC]',
    usage: '[COMMAND|TOPIC]',
    summary: 'Show the help of a command, or explain formats, credentials or exit-codes',
    readsSettings: false,
    load: async () => (await import('./help.js')).helpCommand,
  },
  {
    name: 'version',
    positionals: '',
    usage: '',
    summary: 'Print the version',
    readsSettings: false,
    load: async () => (await import('./version-command.js')).versionCommand,
  },
  {
    name: 'completion',
    positionals: '',
    usage: '',
    summary: 'Print a script that completes commands and flags in the shell',
    readsSettings: false,
    load: async () => (await import('./completion.js')).completionCommand,
  },
];

/** Returns the command with this name or alias. */
export function findCommand(word: string): Command | undefined {
  return COMMANDS.find(({ name, aliases = [] }) => name === word || aliases.includes(word));
}
