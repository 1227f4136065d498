import { EXIT_MEANINGS } from './exit-codes.js';
import { FORMATS } from './formats.js';
import { wrapText } from './wrap.js';

/** A text of `lading help TOPIC`. */
export interface Topic {
  summary: string;
  text(): string;
}

export const TOPICS: Record<string, Topic> = {
  formats: { summary: 'Formats that are written and read, and what else reads them', text: explainFormats },
  credentials: { summary: 'Where lading looks for logins', text: explainCredentials },
  'exit-codes': { summary: 'What each exit code means', text: explainExitCodes },
};

/** Width of the texts, in columns. */
const WIDTH = 78;

function explainFormats(): string {
  return [
    'What lading writes (--format of save and convert):\n',
    list(
      Object.entries(FORMATS).map(([name, { what, loadedBy }]) => [name, `${what}. Loaded by ${loadedBy}.`]),
    ),
    'Where lading copy and convert read and write:\n',
    list([
      ['docker://HOST/REPOSITORY[:TAG|@DIGEST]', 'an image of a registry'],
      ['docker://HOST[/PREFIX]/', 'as a destination: a registry in which each image keeps its path'],
      ['oci:DIR[:REF]', 'an OCI layout'],
      ['oci-archive:FILE[:REF]', 'an OCI layout in a tar'],
      ['docker-archive:FILE[:REF]', 'what docker save writes'],
      ['docker-daemon:NAME', 'an image of the Docker engine on this machine, to read only'],
      ['PATH', 'whatever is there: lading looks at its content'],
    ]),
    paragraph(
      'lading reads the archives and layouts of docker save (of every version), podman, buildah, skopeo (dir: too), crane, regctl, oras, umoci, containerd and buildkit, also compressed with gzip, zstd or xz.',
    ),
  ].join('\n');
}

function explainCredentials(): string {
  return [
    'lading uses the first login that it finds:\n',
    list([
      ['1. flags', '--creds [HOST=]USER[:PASSWORD]; --src-creds and --dest-creds in lading copy'],
      ['2. LADING_USERNAME', 'with LADING_PASSWORD, which is also the password for a flag without one'],
      ['3. --authfile FILE', 'no other file is read then'],
      ['4. DOCKER_AUTH_CONFIG', 'contains the document itself'],
      ['5. REGISTRY_AUTH_FILE', 'no other file is read then'],
      ['6. containers/auth.json', 'in $XDG_RUNTIME_DIR, then in ~/.config: podman, buildah, skopeo'],
      ['7. ~/.docker/config.json', 'docker, crane, oras, helm; DOCKER_CONFIG names another folder'],
      ['8. ~/.dockercfg', 'Docker before 1.7'],
    ]),
    paragraph(
      'A login of the first two is sent to one registry: the one that it names, else the only one of the run. In a file, the helper that credHelpers has for the host is asked if there is one, else auths is searched, first for the repository and then for the host, else credsStore is asked.',
    ),
    'lading login HOST stores a login, lading auth HOST says which one is used.\n',
  ].join('\n');
}

function explainExitCodes(): string {
  return [
    list(Object.values(EXIT_MEANINGS).map(([code, meaning]) => [String(code), meaning])),
    paragraph('An error is a line that says what and where, and a line "hint:" that says what to do.'),
  ].join('\n');
}

function paragraph(text: string): string {
  return `${wrapText(text, WIDTH)}\n`;
}

/** Formats names and what they mean; a name that is too long has a line of its own. */
function list(rows: readonly (readonly [string, string])[]): string {
  const column = 4 + Math.max(...rows.map(([name]) => (name.length > 26 ? 0 : name.length)));
  return rows
    .map(([name, text]) => {
      const lines = wrapText(text, WIDTH - column)
        .split('\n')
        .map((line) => `${' '.repeat(column)}${line}`);
      const indented = lines.join('\n');
      return name.length > 26 ? `  ${name}\n${indented}\n` : `  ${name}${indented.slice(name.length + 2)}\n`;
    })
    .join('');
}
