import { isLadingError, LadingError, RegistryError } from '../../errors.js';
import { discard, readBody } from '../../registry/http/body.js';
import { memberOf } from '../../registry/http/json.js';
import type { TransportResponse } from '../../registry/http/response.js';
import type { Method, Transport } from '../../registry/http/transport.js';
import { timeOf } from '../time.js';
import type { AWSCredentials } from './credentials.js';
import { textOfFile } from './roles.js';

const MAX_ANSWER_BYTES = 64 * 1024;
/** These services are on the same machine or its host; elsewhere nothing answers, and nobody should wait for that. */
const PATIENCE_MS = 1000;

/** Hosts that may be asked without TLS: those of ECS and EKS, and loopback. (AWS SDKs, "Container credential provider") */
const CONTAINER_HOSTS =
  /^(?:169\.254\.170\.2|169\.254\.170\.23|\[fd00:ec2::23\]|localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Gets the key of a task of ECS or a pod of EKS; undefined outside of them. */
export async function keyOfContainer(
  transport: Transport,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<AWSCredentials | undefined> {
  const relative = environment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
  const full = environment.AWS_CONTAINER_CREDENTIALS_FULL_URI;
  if (!relative && !full) return undefined;
  const text = relative ? `http://169.254.170.2${relative}` : (full ?? '');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && !CONTAINER_HOSTS.test(url.hostname)))
    throw new LadingError(
      'USAGE',
      'AWS_CONTAINER_CREDENTIALS_FULL_URI names a host that gets no token without TLS',
    );
  const tokenFile = environment.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE;
  const token = tokenFile
    ? (await textOfFile(tokenFile)).trim()
    : environment.AWS_CONTAINER_AUTHORIZATION_TOKEN;
  const response = await ask(transport, 'GET', url, token ? { authorization: token } : {}, signal);
  return keyIn(await textOfAnswer(response, 'the container'), 'the role of the container');
}

/** Gets the key of a virtual machine; undefined if nothing answers, or no role is there. (Amazon EC2, "IMDSv2") */
export async function keyOfInstance(
  transport: Transport,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<AWSCredentials | undefined> {
  if (environment.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true') return undefined;
  const base = environment.AWS_EC2_METADATA_SERVICE_ENDPOINT || 'http://169.254.169.254';
  const roles = new URL('/latest/meta-data/iam/security-credentials/', base);
  try {
    const answer = await ask(transport, 'PUT', new URL('/latest/api/token', base), TOKEN_LIFE, signal);
    if (answer.status !== 200) return await nothing(answer);
    const headers = { 'x-aws-ec2-metadata-token': await textOfAnswer(answer, 'the instance') };
    const list = await ask(transport, 'GET', roles, headers, signal);
    if (list.status !== 200) return await nothing(list);
    const [role = ''] = (await textOfAnswer(list, 'the instance')).trim().split('\n');
    if (!/^[\w+=,.@-]+$/.test(role)) return undefined;
    const key = await ask(transport, 'GET', new URL(role, roles), headers, signal);
    return keyIn(await textOfAnswer(key, 'the instance'), `the role ${role} of the instance`);
  } catch (error) {
    if (signal?.aborted || !isLadingError(error, 'UNREACHABLE', 'TIMEOUT', 'CUT_SHORT', 'ABORTED'))
      throw error;
    return undefined;
  }
}

const TOKEN_LIFE = { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' };

async function nothing({ body }: TransportResponse): Promise<undefined> {
  await discard(body);
}

function ask(
  transport: Transport,
  method: Method,
  url: URL,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<TransportResponse> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const both = signal === undefined ? patience : AbortSignal.any([signal, patience]);
  return transport.send({ method, url, headers, signal: both });
}

async function textOfAnswer(response: TransportResponse, whose: string): Promise<string> {
  const failed = (problem: string): RegistryError =>
    new RegistryError('UNAUTHORIZED', `the key of ${whose} cannot be read: ${problem}`, {
      status: response.status,
    });
  const bytes = await readBody(response, MAX_ANSWER_BYTES, () => failed('the answer is too long'));
  if (response.status !== 200) throw failed(`status ${response.status}`);
  return bytes.toString('utf8');
}

function keyIn(text: string, origin: string): AWSCredentials {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    document = undefined;
  }
  const [accessKeyID, secretAccessKey, sessionToken, expiration] = [
    'AccessKeyId',
    'SecretAccessKey',
    'Token',
    'Expiration',
  ].map((name) => {
    const member = memberOf(document, name);
    return typeof member === 'string' && member !== '' ? member : undefined;
  });
  if (accessKeyID === undefined || secretAccessKey === undefined)
    throw new LadingError('UNAUTHORIZED', `${origin} has no key`);
  return { accessKeyID, secretAccessKey, sessionToken, expiresAt: timeOf(expiration), origin };
}
