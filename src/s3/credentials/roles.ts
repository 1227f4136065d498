import { readFile } from 'node:fs/promises';
import { readFailure } from '../../disk/region.js';
import { LadingError, RegistryError } from '../../errors.js';
import { readBody } from '../../registry/http/body.js';
import type { Transport } from '../../registry/http/transport.js';
import { encoded } from '../address.js';
import { timeOf } from '../time.js';
import { childOf, type Element, readXML, textOf } from '../xml.js';
import type { AWSCredentials } from './credentials.js';

/** A role that a token of another service stands for, as Kubernetes gives them to service accounts. */
export interface WebIdentity {
  tokenFile: string;
  roleARN: string;
  sessionName: string;
}

const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Gets the key of a role for a token, which is read each time: the cluster renews it. Rejects with `UNAUTHORIZED` if the
 * role is refused. (AWS Security Token Service, AssumeRoleWithWebIdentity)
 */
export async function assumeRole(
  { tokenFile, roleARN, sessionName }: WebIdentity,
  { transport, endpoint }: { transport: Transport; endpoint: string },
  signal: AbortSignal | undefined,
): Promise<AWSCredentials> {
  const token = (await textOfFile(tokenFile)).trim();
  const response = await transport.send({
    method: 'POST',
    url: new URL(endpoint),
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/xml' },
    body: formOf({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: roleARN,
      RoleSessionName: sessionName,
      WebIdentityToken: token,
    }),
    signal,
  });
  const what = `the role ${roleARN}`;
  const refuse = (reason: string): RegistryError =>
    new RegistryError('REGISTRY', `${what}: the answer of ${response.url.host} cannot be read: ${reason}`);
  const bytes = await readBody(response, MAX_ANSWER_BYTES, () => refuse('it is too long'));
  if (response.status >= 500)
    throw new RegistryError('REGISTRY', `${what}: ${response.url.host} failed`, { status: response.status });
  const document = readXML(bytes.toString('utf8'), refuse);
  if (response.status !== 200) {
    const error = childOf(document, 'Error');
    throw new LadingError(
      'UNAUTHORIZED',
      `${what} was refused: ${textOf(error, 'Code') ?? response.status}: ${textOf(error, 'Message') ?? ''}`,
      { hint: `The token is that of ${tokenFile}; the role must trust its issuer and its subject.` },
    );
  }
  const credentials = childOf(childOf(document, 'AssumeRoleWithWebIdentityResult'), 'Credentials');
  return keyIn(credentials, `${what} of a web identity`, refuse);
}

function formOf(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${encoded(value)}`)
    .join('&');
}

function keyIn(
  credentials: Element | undefined,
  origin: string,
  refuse: (reason: string) => LadingError,
): AWSCredentials {
  const accessKeyID = textOf(credentials, 'AccessKeyId');
  const secretAccessKey = textOf(credentials, 'SecretAccessKey');
  if (!accessKeyID || !secretAccessKey) throw refuse('it has no key');
  return {
    accessKeyID,
    secretAccessKey,
    sessionToken: textOf(credentials, 'SessionToken'),
    expiresAt: timeOf(textOf(credentials, 'Expiration')),
    origin,
  };
}

/** Reads a file that a setting names; rejects with `NOT_FOUND` or `IO`. */
export async function textOfFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw readFailure(path, error);
  }
}
