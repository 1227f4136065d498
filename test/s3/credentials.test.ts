import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTransport } from '../../src/registry/http/transport.js';
import { type AWSCredentials, createSupply } from '../../src/s3/credentials/credentials.js';
import { credentialPlaces } from '../../src/s3/credentials/places.js';
import { parseSections, readProfile } from '../../src/s3/credentials/shared-files.js';
import { useFolder } from '../support/temporary.js';

const KEY = { AccessKeyId: 'AK', SecretAccessKey: 'SK', Token: 'T', Expiration: '2030-01-01T00:00:00Z' };

describe('the credentials of buckets', () => {
  const folder = useFolder('the suite');
  let server: Server;
  let origin: string;
  /** What the server answers by method and path, and what it was asked. */
  let answers: Record<string, string | { status: number; body: string }>;
  let asked: string[];

  before(async () => {
    server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { authorization = '', 'x-aws-ec2-metadata-token': token = '' } = request.headers;
      asked.push(`${request.method} ${request.url} ${authorization}${token}${body}`);
      const answer = answers[`${request.method} ${request.url}`] ?? { status: 404, body: 'none' };
      const { status, body: text } = typeof answer === 'string' ? { status: 200, body: answer } : answer;
      response.writeHead(status).end(text);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    answers = {};
    asked = [];
  });
  after(() => server.close());

  const find = async (environment: NodeJS.ProcessEnv): Promise<AWSCredentials> => {
    const transport = createTransport({ environment: {} });
    const own = { HOME: folder(''), AWS_EC2_METADATA_DISABLED: 'true', ...environment };
    try {
      const profile = await readProfile(own);
      const region = 'eu-west-1';
      const places = { environment: own, profile, region, transport, direct: transport };
      return await createSupply(credentialPlaces(places)).get();
    } finally {
      await transport.close();
    }
  };
  const file = (name: string, text: string): string => {
    writeFileSync(folder(name), text);
    return folder(name);
  };

  it('are those of the environment first', async () => {
    const environment = { AWS_ACCESS_KEY_ID: 'E', AWS_SECRET_ACCESS_KEY: 'S', AWS_SESSION_TOKEN: 'T' };
    const found = await find({ ...environment, AWS_PROFILE: 'missing' });
    assert.deepEqual([found.accessKeyID, found.secretAccessKey, found.sessionToken], ['E', 'S', 'T']);
    assert.equal(found.origin, 'the environment');
  });

  it('are not taken from elsewhere if the environment has a key without its secret', async () => {
    file('keys', '[default]\naws_access_key_id = F\naws_secret_access_key = S\n');
    const environment = { AWS_ACCESS_KEY_ID: 'E', AWS_SHARED_CREDENTIALS_FILE: folder('keys') };
    await assert.rejects(find(environment), {
      code: 'UNAUTHORIZED',
      message: /without AWS_SECRET_ACCESS_KEY/,
    });
    assert.equal((await find({ ...environment, AWS_ACCESS_KEY_ID: '' })).accessKeyID, 'F');
  });

  it('are those of a profile, of which the file of keys wins', async () => {
    const environment = {
      AWS_PROFILE: 'ci',
      AWS_CONFIG_FILE: file('config', '[profile ci]\naws_access_key_id = no\nregion = eu-west-3\n'),
      AWS_SHARED_CREDENTIALS_FILE: file(
        'keys',
        '# mine\n[default]\naws_access_key_id=D\n[ci]\naws_access_key_id = C ; of ci\naws_secret_access_key = a=b\n',
      ),
    };
    const found = await find(environment);
    assert.deepEqual([found.accessKeyID, found.secretAccessKey], ['C', 'a=b']);
    assert.equal(found.origin, 'profile "ci"');
    assert.equal((await readProfile(environment)).members.get('region'), 'eu-west-3');
    await assert.rejects(find({ ...environment, AWS_PROFILE: 'other' }), { code: 'NOT_FOUND' });
  });

  it('are not had by ways that lading does not go, and it says so', async () => {
    const AWS_CONFIG_FILE = file('sso', '[default]\nsso_session = work\n[sso-session work]\nsso_region=x\n');
    await assert.rejects(find({ AWS_CONFIG_FILE }), { code: 'UNSUPPORTED', message: /by sso_session/ });
  });

  it('are those of a role that the token of a service account stands for', async () => {
    const role = 'arn:aws:iam::1:role/saver';
    const credentials = `<AccessKeyId>AK</AccessKeyId><SecretAccessKey>SK</SecretAccessKey><SessionToken>T</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration>`;
    answers['POST /'] =
      `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>${credentials}</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
    const environment = {
      AWS_WEB_IDENTITY_TOKEN_FILE: file('token', 'a.b.c\n'),
      AWS_ROLE_ARN: role,
      AWS_ENDPOINT_URL_STS: origin,
    };
    const found = await find(environment);
    assert.equal(found.sessionToken, 'T');
    assert.equal(found.expiresAt, Date.parse('2030-01-01T00:00:00Z'));
    assert.match(asked[0] ?? '', /RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fsaver&.*WebIdentityToken=a\.b\.c$/);
    const body =
      '<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>';
    answers['POST /'] = { status: 403, body };
    await assert.rejects(find(environment), { code: 'UNAUTHORIZED', message: /AccessDenied: not you/ });
  });

  it('are those of the container, with its token', async () => {
    answers['GET /v1/credentials'] = JSON.stringify(KEY);
    const found = await find({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${origin}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file('pod-token', 'pod\n'),
    });
    assert.deepEqual([found.accessKeyID, found.sessionToken], ['AK', 'T']);
    assert.deepEqual(asked, ['GET /v1/credentials pod']);
    const elsewhere = { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://example.com/' };
    await assert.rejects(find(elsewhere), { code: 'USAGE' });
  });

  it('are those of the machine, which gives a token first', async () => {
    answers['PUT /latest/api/token'] = 'session';
    answers['GET /latest/meta-data/iam/security-credentials/'] = 'web-role\n';
    answers['GET /latest/meta-data/iam/security-credentials/web-role'] = JSON.stringify(KEY);
    const environment = {
      AWS_EC2_METADATA_SERVICE_ENDPOINT: origin,
      AWS_EC2_METADATA_DISABLED: 'false',
    };
    const found = await find(environment);
    assert.equal(found.origin, 'the role web-role of the instance');
    assert.ok(asked.slice(1).every((line) => line.endsWith(' session')));
    answers = {};
    await assert.rejects(find(environment), { code: 'UNAUTHORIZED', message: /no credentials/ });
    asked = [];
    await assert.rejects(find({ ...environment, AWS_EC2_METADATA_DISABLED: 'true' }), {
      code: 'UNAUTHORIZED',
    });
    assert.deepEqual(asked, []);
  });

  it('are renewed before they expire, once for many, and kept while that fails', async () => {
    let now = 0;
    let count = 0;
    let fails = false;
    const supply = createSupply(
      [
        async () => undefined,
        async () => {
          if (fails) throw new Error('away');
          count += 1;
          return {
            accessKeyID: `A${count}`,
            secretAccessKey: 's',
            sessionToken: undefined,
            expiresAt: now + 3_600_000,
            origin: 'x',
          };
        },
      ],
      { now: () => now },
    );
    assert.deepEqual(
      new Set((await Promise.all([1, 2, 3].map(() => supply.get()))).map(idOf)),
      new Set(['A1']),
    );
    now = 3_600_000 - 301_000;
    assert.equal(idOf(await supply.get()), 'A1');
    now = 3_600_000 - 299_000;
    fails = true;
    assert.equal(idOf(await supply.get()), 'A1');
    now = 3_600_000 + 1;
    await assert.rejects(supply.get(), { message: 'away' });
    fails = false;
    const second = await supply.get();
    assert.equal(idOf(second), 'A2');
    assert.equal(supply.expired(second), true);
    assert.equal(idOf(await supply.get()), 'A3');
    assert.equal(supply.expired(second), true);
    assert.equal(idOf(await supply.get()), 'A3');
  });

  it('are read from files as other tools write them', () => {
    const sections = parseSections(
      '[profile  a b]\r\nX = 1\r\ns3 =\r\n  region = no\r\n\r\nnothing\r\n[c]\r\n',
    );
    assert.deepEqual(
      [...(sections.get('profile a b') ?? [])],
      [
        ['x', '1'],
        ['s3', ''],
      ],
    );
    assert.deepEqual([...sections.keys()], ['profile a b', 'c']);
  });
});

function idOf({ accessKeyID }: AWSCredentials): string {
  return accessKeyID;
}
