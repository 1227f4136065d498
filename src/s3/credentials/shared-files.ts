import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readFailure } from '../../disk/region.js';
import { isLadingError, LadingError, systemCode } from '../../errors.js';
import type { AWSCredentials } from './credentials.js';

/** What the shared files say about a profile: the members of `credentials` win over those of `config`. */
export interface Profile {
  name: string;
  /** True if a file has a section of this name. */
  isThere: boolean;
  members: ReadonlyMap<string, string>;
}

/** Ways to get a key that a profile can name, and lading does not go. */
const OTHER_WAYS = [
  'sso_session',
  'sso_start_url',
  'credential_process',
  'source_profile',
  'credential_source',
];

/**
 * Reads a profile of `~/.aws/credentials` and `~/.aws/config`, or of the files that `AWS_SHARED_CREDENTIALS_FILE` and
 * `AWS_CONFIG_FILE` name. (AWS SDKs and Tools Reference Guide, "Shared config and credentials files")
 */
export async function readProfile(environment: NodeJS.ProcessEnv): Promise<Profile> {
  const name = environment.AWS_PROFILE || environment.AWS_DEFAULT_PROFILE || 'default';
  const folder = join(environment.HOME ?? homedir(), '.aws');
  const [config, credentials] = await Promise.all([
    sectionOf(environment.AWS_CONFIG_FILE || join(folder, 'config'), [
      `profile ${name}`,
      ...(name === 'default' ? [name] : []),
    ]),
    sectionOf(environment.AWS_SHARED_CREDENTIALS_FILE || join(folder, 'credentials'), [name]),
  ]);
  const members = new Map([...(config ?? []), ...(credentials ?? [])]);
  return { name, isThere: config !== undefined || credentials !== undefined, members };
}

/**
 * Returns the key in a profile. Rejects with `NOT_FOUND` if the user named a profile that is not there, and with
 * `UNSUPPORTED` if it has a key only by a way that lading does not go.
 */
export function keyInProfile(profile: Profile, environment: NodeJS.ProcessEnv): AWSCredentials | undefined {
  const { name, isThere, members } = profile;
  const isChosen = Boolean(environment.AWS_PROFILE || environment.AWS_DEFAULT_PROFILE);
  if (!isThere && isChosen)
    throw new LadingError('NOT_FOUND', `there is no profile "${name}" in the files of AWS credentials`, {
      hint: 'AWS_PROFILE names it; aws configure list-profiles shows which there are.',
    });
  const accessKeyID = members.get('aws_access_key_id');
  const secretAccessKey = members.get('aws_secret_access_key');
  const origin = `profile "${name}"`;
  if (accessKeyID && secretAccessKey)
    return {
      accessKeyID,
      secretAccessKey,
      sessionToken: members.get('aws_session_token') || undefined,
      expiresAt: undefined,
      origin,
    };
  const way = OTHER_WAYS.find((member) => members.has(member));
  if (way === undefined || members.has('web_identity_token_file')) return undefined;
  throw new LadingError('UNSUPPORTED', `${origin} gets its key by ${way}, which lading does not do`, {
    hint: 'aws configure export-credentials prints the key of such a profile, for AWS_ACCESS_KEY_ID and its siblings.',
  });
}

async function sectionOf(path: string, names: readonly string[]): Promise<Map<string, string> | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    const failure = readFailure(path, error);
    throw isLadingError(failure) ? failure : error;
  }
  const sections = parseSections(text);
  const found = names.find((name) => sections.has(name));
  return found === undefined ? undefined : sections.get(found);
}

/** Parses `[section]` and `name = value`; indented lines are members of a member, which nobody needs here. */
export function parseSections(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let members = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    if (/^[#;\s]/.test(line) || line === '') continue;
    const [, section] = /^\[([^\]]*)\]/.exec(line) ?? [];
    if (section !== undefined) {
      const name = section.trim().replace(/\s+/g, ' ');
      members = sections.get(name) ?? new Map();
      sections.set(name, members);
      continue;
    }
    const equals = line.indexOf('=');
    if (equals < 1) continue;
    const value = line.slice(equals + 1);
    const comment = value.search(/\s[#;]/);
    members.set(
      line.slice(0, equals).trim().toLowerCase(),
      (comment < 0 ? value : value.slice(0, comment)).trim(),
    );
  }
  return sections;
}
