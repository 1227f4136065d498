import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { sendJSON, serve } from '../registry/http-server.js';
import { runCommand } from '../support/hostile/command.js';
import {
  dockerParts,
  goodImage,
  LAYOUT_VERSION,
  layoutOf,
  layoutParts,
  NAME,
  named,
  type Parts,
  set,
  tarOfParts,
} from '../support/hostile/image.js';
import { useEnvironment } from '../support/hostile/run.js';
import { countAttack } from '../support/hostile/tally.js';
import { assertSafe, ESCAPES, ESCAPES_IN_LINE } from '../support/hostile/terminal.js';
import { jsonContent } from '../support/images.js';
import { useFolder } from '../support/temporary.js';

const GROUP = 'terminal escapes';

/** A config that says its worst wherever it may say anything. */
const talkative = {
  author: ESCAPES,
  created: '2024-01-02T03:04:05Z',
  config: {
    User: ESCAPES,
    WorkingDir: ESCAPES,
    Cmd: [ESCAPES],
    Entrypoint: [ESCAPES],
    Env: [`A=${ESCAPES}`],
    Labels: { [ESCAPES]: ESCAPES },
    Volumes: { [ESCAPES]: {} },
    ExposedPorts: { [ESCAPES]: {} },
  },
  history: [{ created_by: ESCAPES, comment: ESCAPES }],
};

function withBadReferrer(): Parts {
  const { layer, config, manifest } = goodImage();
  const referrer = jsonContent(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType: 'application/x',
    config: config.descriptor,
    layers: [layer.descriptor],
    subject: manifest.descriptor,
    annotations: { [ESCAPES]: ESCAPES },
  });
  return layoutOf(
    [named(manifest.descriptor), { ...referrer.descriptor, artifactType: ESCAPES }],
    [layer, config, manifest, referrer],
  );
}

/** What strangers write into archives, and where. */
const ARCHIVES: Record<string, () => Parts> = {
  'a name': () => {
    const { layer, config, manifest } = goodImage();
    return layoutOf([named(manifest.descriptor, ESCAPES)], [layer, config, manifest]);
  },
  'the name of an image that is missing': () =>
    layoutOf([named(goodImage().manifest.descriptor, ESCAPES)], []),
  'a config': () => layoutParts(goodImage({ config: talkative })),
  'a platform': () => layoutParts(goodImage({ config: { os: ESCAPES, architecture: ESCAPES } })),
  'a platform of an index': () => {
    const { layer, config, manifest } = goodImage();
    const index = jsonContent(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: [
        { ...manifest.descriptor, platform: { os: ESCAPES, architecture: ESCAPES, variant: ESCAPES } },
      ],
    });
    return layoutOf([named(index.descriptor)], [layer, config, manifest, index]);
  },
  'an artifact’s type and annotations': withBadReferrer,
  'a media type': () => layoutParts(goodImage(), { mediaType: ESCAPES }),
  'a digest': () => layoutParts(goodImage(), { digest: `sha256:${ESCAPES}` }),
  'a version': () => set(layoutParts(), 'oci-layout', JSON.stringify({ imageLayoutVersion: ESCAPES })),
  'a member of JSON': () =>
    set(
      layoutParts(),
      'oci-layout',
      LAYOUT_VERSION.replace('{', `{"${ESCAPES_IN_LINE}":1,"${ESCAPES_IN_LINE}":2,`),
    ),
  'the name of an entry': () => {
    const parts = layoutParts();
    parts.set('bad', { name: `../${ESCAPES_IN_LINE}` });
    return parts;
  },
  'the target of a link': () => set(layoutParts(), 'index.json', { type: '2', linkName: ESCAPES_IN_LINE }),
  'the path of a layer': () => dockerParts({ Layers: [ESCAPES] }),
  'the path of a config': () => dockerParts({ Config: ESCAPES }),
};

/** Other ways to show an archive. */
const VIEWS = [
  ['inspect', '--history'],
  ['inspect', '--attachments'],
  [
    'inspect',
    '--format',
    '{{.}} {{.Name}} {{.Problem}} {{range .Platforms}}{{.Config}}{{.Os}}{{.History}}{{end}}',
  ],
  ['ls', '--format', '{{print .Name}} {{upper .Problem}} {{join .Platforms ","}} {{.MediaType}} {{json .}}'],
  ['ls', '--format', 'table {{.Name}}\t{{.Platforms}}\t{{.Problem}}'],
] as const;

describe('what strangers write into archives, on a terminal', () => {
  const path = useFolder('the suite');
  const environment = useEnvironment(() => ({ TMPDIR: path('tmp'), XDG_CACHE_HOME: path('cache') }));
  before(async () => {
    await mkdir(path('tmp'));
    await mkdir(path('cache'));
  });
  beforeEach(() => environment.enter());
  afterEach(() => environment.leave());

  for (const [where, make] of Object.entries(ARCHIVES)) {
    it(`is not acted upon when it stands in ${where}`, async () => {
      const tally = countAttack(GROUP);
      const archive = path('in.tar');
      await writeFile(archive, tarOfParts(make()));
      const out = path(`${where.replace(/\W+/g, '-')}.tar`);
      const commands = [
        ['ls', archive],
        ['ls', archive, '--attachments'],
        ['inspect', archive],
        ['verify', archive],
        ['load', '-i', archive, 'reg.test', '--dry-run'],
        ['convert', archive, '-o', out, '--to', 'docker'],
        ['copy', archive, `oci-archive:${path('copied.tar')}`],
      ];
      for (const command of commands) {
        assertSafe(await runCommand(...command, '--verbose'));
        const told = await runCommand(...command, '--json', '--progress', 'json', '--verbose');
        assertSafe(told);
        JSON.parse(told.stdout);
      }
      for (const view of VIEWS) assertSafe(await runCommand(view[0], archive, ...view.slice(1)));
      tally.end('refused');
    });
  }

  it('is in JSON what it was', async () => {
    await writeFile(path('in.tar'), tarOfParts(ARCHIVES['a name']?.() ?? new Map()));
    const { stdout } = await runCommand('ls', path('in.tar'), '--json');
    assert.equal(JSON.parse(stdout).images[0].name, ESCAPES);
  });
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A byte a character, as headers are sent; Node.js does not send the others. */
const inHeader = Buffer.from('\x9b31m\u202eevil\u2066\ufeff\u{e0041}').toString('latin1');

/** What registries say, and where. */
const ANSWERS: Record<string, Answer> = {
  'the message of an error': (_, response) =>
    sendJSON(response, { errors: [{ code: 'DENIED', message: ESCAPES, detail: ESCAPES }] }, { status: 403 }),
  'the code of an error': (_, response) =>
    sendJSON(response, { errors: [{ code: ESCAPES, message: 'no' }] }, { status: 400 }),
  'a page that is no JSON': (_, response) => response.writeHead(502).end(ESCAPES),
  'a warning': (_, response) =>
    sendJSON(response, { tags: ['1'], repositories: ['a'] }, { headers: { warning: `299 - "${inHeader}"` } }),
  'tags and repositories': (_, response) =>
    sendJSON(response, { tags: [ESCAPES, 'ok'], repositories: [ESCAPES, 'ok'] }),
  'a redirect': (_, response) => response.writeHead(307, { location: `ftp://${inHeader}/` }).end(),
  'a realm': (_, response) =>
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${inHeader}",service="${inHeader}"` }).end(),
  'a digest that it states': (_, response) => {
    const { bytes } = goodImage().manifest;
    response
      .writeHead(200, { 'docker-content-digest': inHeader, 'content-type': MEDIA_TYPE.ociManifest })
      .end(bytes);
  },
  'a type that it states': (_, response) => {
    response.writeHead(200, { 'content-type': inHeader }).end(goodImage().manifest.bytes);
  },
};

describe('what registries say, on a terminal', () => {
  const path = useFolder();

  for (const [where, answer] of Object.entries(ANSWERS)) {
    it(`is not acted upon when it stands in ${where}`, async () => {
      const tally = countAttack(GROUP);
      const registry = await serve((request, response) => {
        if (request.url === '/v2/') response.writeHead(200).end('{}');
        else answer(request, response);
      });
      try {
        const image = `${registry.host}/app:1`;
        for (const command of [
          ['ls', registry.host],
          ['ls', `${registry.host}/app`],
          ['inspect', image],
          ['save', image, '-o', path('out.tar')],
        ]) {
          for (const mode of [
            ['--progress', 'lines'],
            ['--json', '--progress', 'json'],
          ]) {
            const told = await runCommand(...command, ...mode, '--verbose', '--retries', '0');
            assertSafe(told);
          }
        }
      } finally {
        await registry.close();
      }
      tally.end('refused');
    });
  }
});

describe('names that look like others', () => {
  const path = useFolder();
  const LOOK_ALIKES: Record<string, string> = {
    'a Cyrillic letter': 'reg.test/аpp:1',
    'a full-width letter': 'reg.test/ａpp:1',
    'a Kelvin sign': 'reg.test/app:\u212a',
    'a soft hyphen': 'reg.test/a\u00adpp:1',
    'a joiner of no width': 'reg.test/a\u200dpp:1',
    'text turned around': 'reg.test/\u202eppa:1',
    'an accent that combines': 'reg.test/a\u0301pp:1',
    'a line end and a header': 'reg.test/app:1\r\nX-Pwned: 1',
    'a space': 'reg.test/app:1 2',
    'a path that climbs': 'reg.test/../../v2/_catalog:1',
    'a query': 'reg.test/app:1?x=1',
    'user information': 'user@reg.test/app:1',
  };

  for (const [what, name] of Object.entries(LOOK_ALIKES)) {
    it(`are refused where they become a request: ${what}`, async () => {
      const tally = countAttack('names that look like others');
      const { layer, config, manifest } = goodImage();
      await writeFile(
        path('in.tar'),
        tarOfParts(layoutOf([named(manifest.descriptor, name)], [layer, config, manifest])),
      );
      const registry = await serve((_, response) => response.writeHead(200).end('{}'));
      try {
        const loaded = await runCommand('load', '-i', path('in.tar'), registry.host, '--json');
        assert.equal(loaded.exit, 2, loaded.stdout);
        assert.equal(JSON.parse(loaded.stdout).error.code, 'INVALID_REFERENCE');
        const saved = await runCommand(
          'save',
          name.replace('reg.test', registry.host),
          '-o',
          path('out.tar'),
          '--json',
        );
        assert.equal(saved.exit, 2, saved.stdout);
        for (const told of [loaded, saved]) assertSafe(told);
        assert.deepEqual(registry.requests, []);
      } finally {
        await registry.close();
      }
      tally.end('refused');
    });
  }

  it('do not keep their archive from being read', async () => {
    const { layer, config, manifest } = goodImage();
    const entries = [named(manifest.descriptor, 'reg.test/аpp:1'), named(manifest.descriptor, NAME)];
    await writeFile(path('in.tar'), tarOfParts(layoutOf(entries, [layer, config, manifest])));
    assert.equal((await runCommand('verify', path('in.tar'))).exit, 0);
  });
});
