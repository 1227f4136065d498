import type { CommandModule } from './command.js';

/** The commands. Each is loaded only when it is used. */
export const COMMANDS: { command: string; summary: string; load: () => Promise<CommandModule> }[] = [
  {
    command: 'save [IMAGE..]',
    summary: 'Pull images into one archive or layout',
    load: async () => (await import('./save.js')).saveCommand,
  },
  {
    command: 'load DEST [IMAGE..]',
    summary: 'Push the images of an archive or layout into a registry',
    load: async () => (await import('./load.js')).loadCommand,
  },
  {
    command: 'copy SRC DST',
    summary: 'Copy images from any store to any other',
    load: async () => (await import('./copy.js')).copyCommand,
  },
  {
    command: 'convert SRC [REF]',
    summary: 'Turn images into another manifest format, offline',
    load: async () => (await import('./convert.js')).convertCommand,
  },
  {
    command: 'serve [PATH..]',
    summary: 'Be a registry over archives or layouts, in place',
    load: async () => (await import('./serve.js')).serveCommand,
  },
  {
    command: 'verify PATH',
    summary: 'Check everything in an archive or layout, offline',
    load: async () => (await import('./verify.js')).verifyCommand,
  },
  {
    command: 'inspect SOURCE [REF]',
    summary: 'Show images, platforms, layers, sizes, history and config',
    load: async () => (await import('./inspect.js')).inspectCommand,
  },
  {
    command: 'ls SOURCE',
    summary: 'List the images of an archive, the tags of a repository, the repositories of a registry',
    load: async () => (await import('./list.js')).listCommand,
  },
  {
    command: 'login [HOST]',
    summary: 'Check a login at a registry and store it',
    load: async () => (await import('./login.js')).loginCommand,
  },
  {
    command: 'logout [HOST]',
    summary: 'Remove a stored login',
    load: async () => (await import('./logout.js')).logoutCommand,
  },
  {
    command: 'auth HOST',
    summary: 'Say which login would be used at a registry, and where it comes from',
    load: async () => (await import('./auth.js')).authCommand,
  },
];
