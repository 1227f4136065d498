import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { findImages, fullName } from '../../src/operations/find/find.js';
import { useFolder } from '../support/temporary.js';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

/** What BuildKit 0.33 asks its registries for when it builds all stages of these files. */
const FILES: readonly [what: string, text: string, images: readonly string[]][] = [
  [
    'arguments with defaults, one within the other',
    `ARG A=1 B="2"
ARG E=
ARG I=\${R:-ghcr.io/\${O:-acme}}/app
FROM \${I}:$A
FROM b:\${B:?needed}\${A:+x}\${NO:+y}
FROM c:\${E:-3}
FROM d:4\${E-no}
FROM e:\${NO-5}
`,
    ['ghcr.io/acme/app:1', 'b:2x', 'c:3', 'd:4', 'e:5'],
  ],
  [
    'flags without a value before the one that names an image',
    `FROM a:1
COPY --link --from=b:1 /x /y
COPY --chown=1:1 --link --from=c:1 --chmod=755 ["/x", "/y"]
RUN --network=none --mount=type=bind,"from=d:1",target=/x --mount=from=e:1@${DIGEST},target=/y true
`,
    ['a:1', 'b:1', 'c:1', 'd:1', `e:1@${DIGEST}`],
  ],
  [
    'what follows a command as a word of that command',
    `FROM a:1
RUN --mount=type=cache,target=/c make --mount=type=bind,from=no:1 --from=no:2
RUN echo COPY --from=no:3
CMD ["--mount=from=no:4"]
`,
    ['a:1'],
  ],
  [
    'texts that end at a word, and no others',
    `FROM a:1
RUN echo "<<EOF" $((1<<2)) x<<EOF <<<EOF it\\'s
COPY --from=b:1 / /
RUN 3<<-"EOF" cat <<END
FROM no:1
	EOF
COPY --from=no:2 / /
END
COPY --from=c:1 / /
`,
    ['a:1', 'b:1', 'c:1'],
  ],
  [
    'words that go on in the next line, with comments and empty lines between',
    `FROM al\\
pine:3 \\
# FROM no:1
  AS x
RUN true \\

  --mount=from=no:2
COPY --fr\\
om=b:1 / /
RUN dir C:\\\\
COPY --from=c:1 / /
`,
    ['alpine:3', 'b:1', 'c:1'],
  ],
  [
    'a syntax below the line that a shell reads',
    '#!/usr/bin/env -S docker build -f\n# syntax=docker/dockerfile:1\nFROM a:1\n',
    ['docker/dockerfile:1', 'a:1'],
  ],
];

describe('findImages, given Dockerfiles,', () => {
  const path = useFolder();
  for (const ending of ['\n', '\r\n'])
    for (const [what, text, images] of FILES)
      it(`reads ${what}${ending === '\n' ? '' : ', with CRLF'}`, async () => {
        await writeFile(path('Dockerfile'), text.replaceAll('\n', ending));
        const found = await findImages({ paths: [path('Dockerfile')] });
        assert.deepEqual(found.unresolved, []);
        assert.deepEqual(
          found.images.map(({ name }) => name),
          images.map((image) => fullName(image)),
        );
      });

  it('shows a name as it is written where a brace is not closed', async () => {
    await writeFile(path('Dockerfile'), `FROM a:\${V:-1\n`);
    const { unresolved } = await findImages({ paths: [path('Dockerfile')] });
    assert.deepEqual(
      unresolved.map(({ text }) => text),
      [`a:\${V:-1`],
    );
  });

  it('reports what a shell would cut from a variable, there and in scripts', async () => {
    await writeFile(path('Dockerfile'), `ARG V=1.2.3\nFROM a:\${V%.*}\nFROM b:\${V/./-}\nFROM c:\${V#1}\n`);
    const { images, unresolved } = await findImages({ paths: [path('Dockerfile')] });
    assert.deepEqual(images, []);
    assert.equal(unresolved.length, 3);
    const script = `V=1.2.3\nIMAGE=r.example/a:\${V%.*}\n`;
    await writeFile(
      path('config.yaml'),
      `apiVersion: v1\nkind: ConfigMap\ndata:\n  run.sh: |\n    ${script.replaceAll('\n', '\n    ')}\n`,
    );
    const inScript = await findImages({ paths: [path('config.yaml')] });
    assert.deepEqual(inScript.images, []);
    assert.deepEqual(
      inScript.unresolved.map(({ text }) => text),
      [`r.example/a:\${V%.*}`],
    );
  });
});
