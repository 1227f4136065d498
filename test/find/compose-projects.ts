/** A project of compose with the images that docker compose and lading have to find in its `compose.yaml`. */
export interface ComposeProject {
  what: string;
  files: Record<string, string>;
  images: readonly string[];
  /** What lading finds besides: images that a later file overrides, and those that docker compose does not list. */
  besides?: readonly string[];
}

const services = (...images: string[]): string =>
  `services:\n${images.map((image, at) => `  s${at}: {image: "${image}"}\n`).join('')}`;

/** `test/interop/peers-compose.test.ts` asks docker compose whether the lists are right. */
export const COMPOSE_PROJECTS: readonly ComposeProject[] = [
  {
    what: 'defaults and alternatives of variables, one within the other',
    files: {
      'compose.yaml': services(
        `\${REG:-ghcr.io/shop}/a:\${TAG:-1}`,
        '$REG/b:$TAG-alpine',
        `c:1\${EMPTY:+x}\${EMPTY+-y}\${NOPE+-z}`,
        `\${A:-\${B:-\${C:-deep}}}:\${EMPTY:-\${TAG}}`,
        `\${OUTER:-ghcr.io/\${ORG:-acme}}/d:\${V-v$TAG}`,
        `e:\${TAG?is needed}`,
      ),
      '.env': 'REG=r.example.com:5000\nTAG=9\nEMPTY=\n',
    },
    images: [
      ...['r.example.com:5000/a:9', 'r.example.com:5000/b:9-alpine', 'c:1-y', 'deep:9', 'ghcr.io/acme/d:v9'],
      'e:9',
    ],
  },
  {
    what: 'values of .env in quotes, over several lines, with escapes and comments',
    files: {
      'compose.yaml': services('a:$A', 'b:$B', 'c:$C', 'd:$D', 'e:$E', 'f:$F', 'g:$G', `h:\${N:-none}`),
      '.env': `A=1 # of the first
TEXT="two lines
A=77
N=8"
B='2'
C="3-\${A}"
export D=4
 E = 5
F: "6\\"7" # with a quote
G="\${NOPE:-7}"
G=8
`.replace('6\\"7', '6'),
    },
    images: ['a:1', 'b:2', 'c:3-1', 'd:4', 'e:5', 'f:6', 'g:8', 'h:none'],
  },
  {
    what: 'anchors and merge keys',
    files: {
      'compose.yaml': `x-common: &common
  image: ghcr.io/acme/base:1
  restart: always
x-name: &name ghcr.io/acme/name:2
services:
  a: *common
  b: {<<: *common, image: "ghcr.io/acme/own:3"}
  c:
    image: *name
  d:
    <<: [{image: "first:1"}, *common]
`,
    },
    images: ['ghcr.io/acme/base:1', 'ghcr.io/acme/own:3', 'ghcr.io/acme/name:2', 'first:1'],
  },
  {
    what: 'a service of a file that extends one of the same file, and one of another',
    files: {
      'compose.yaml': `services:
  a:
    extends: {file: "\${DIR:-lib}/base.yaml", service: "\${SERVICE:-web}"}
`,
      'lib/base.yaml': `services:
  web: {extends: root}
  root: {extends: {service: far}}
  far: {extends: {file: ../more/far.yaml, service: far}}
  unused: {image: "unused:1"}
`,
      'more/far.yaml': services('unused:2').replace('services:', `services:\n  far: {image: "far:\${TAG}"}`),
      'lib/.env': 'TAG=of-lib\n',
      '.env': 'TAG=of-top\n',
    },
    images: ['far:of-top'],
  },
  {
    what: 'what a service with an image of its own has from the one that it extends',
    files: {
      'compose.yaml': `services:
  a:
    image: own:1
    extends: {file: base.yaml, service: web}
`,
      'base.yaml': `services:
  web:
    image: replaced:1
    pre_start: [{image: "hook:\${T:-1}", command: x}]
    environment: {CHILD_IMAGE: "ghcr.io/acme/child:\${T:-1}"}
    volumes: [{type: image, source: "mounted:1", target: /x}]
`,
    },
    images: ['own:1', 'hook:1'],
    besides: ['mounted:1', 'ghcr.io/acme/child:1'],
  },
  {
    what: 'included files, with the variables of their own folders or files',
    files: {
      'compose.yaml': `include:
  - db/compose.yaml
  - {path: cache/compose.yaml, env_file: [one.env, two.env]}
  - {path: [all/a.yaml, all/b.yaml]}
  - {path: plain/compose.yaml, env_file: /dev/null}
services: {}
`,
      '.env': 'TAG=1\n',
      'db/compose.yaml': services(`db:\${TAG}-\${OWN:-none}`),
      'db/.env': 'TAG=2\nOWN=db\n',
      'cache/compose.yaml': services(`cache:\${A}-\${B}-\${C}`).replaceAll('s0', 'cache'),
      'one.env': 'A=1\nB=1\n',
      'two.env': 'B=2\nC=$A$B$TAG\nTAG=3\n',
      'all/a.yaml': services('replaced:1').replaceAll('s0', 'all'),
      'all/b.yaml': services('all:b').replaceAll('s0', 'all'),
      'plain/compose.yaml': services(`plain:\${OWN:-none}`).replaceAll('s0', 'plain'),
      'plain/.env': 'OWN=plain\n',
    },
    images: ['db:1-db', 'cache:1-2-121', 'all:b', 'plain:none'],
    besides: ['replaced:1'],
  },
  {
    what: 'files that included files include, relative to these',
    files: {
      'compose.yaml': `name: "\${P:-outer}"\ninclude: [one/compose.yaml]\n`,
      'one/compose.yaml': `name: inner
include: [two/compose.yaml]
services:
  a: {image: "a:\${T}"}
  b: {image: "acme/\${COMPOSE_PROJECT_NAME}:1"}
  c: {extends: {file: base.yaml, service: base}}
`,
      'one/base.yaml': services(`base:\${T}`).replaceAll('s0', 'base'),
      'one/.env': 'T=1\n',
      'one/two/compose.yaml': services('two:$T$U'),
      'one/two/.env': 'T=9\nU=2\n',
    },
    images: ['a:1', 'acme/outer:1', 'base:1', 'two:12'],
  },
  {
    what: 'files with the folder of another project',
    files: {
      'compose.yaml': 'include: [{path: sub/compose.yaml, project_directory: other}]\n',
      'sub/compose.yaml': `include: [more.yaml]
services:
  a: {image: "a:\${T:-none}"}
  b: {extends: {file: base.yaml, service: base}}
`,
      'sub/.env': 'T=sub\n',
      'other/.env': 'T=other\n',
      'sub/more.yaml': services('more:sub'),
      'other/more.yaml': services('more:other'),
      'sub/base.yaml': services('base:sub').replaceAll('s0', 'base'),
      'other/base.yaml': services('base:other').replaceAll('s0', 'base'),
    },
    images: ['a:other', 'more:other', 'base:other'],
  },
  {
    what: 'services of all profiles, those that are built, and jobs',
    files: {
      'compose.yaml': `services:
  a: {image: "a:1", profiles: [debug], pull_policy: never}
  b: {build: .}
  c: {build: {context: .}, image: "c:1", scale: 0}
  d: {image: "d@sha256:${'ab'.repeat(32)}"}
  e: {provider: {type: cloud, options: {type: db}}}
jobs:
  move: {image: "move:\${T:-1}", triggers: {manual: true}}
`,
    },
    images: ['a:1', 'c:1', `d@sha256:${'ab'.repeat(32)}`, 'move:1'],
  },
  {
    what: 'several documents, JSON, and texts in blocks',
    files: {
      'compose.yaml': `{"services": {"a": {"image": "a:\${T:-1}"}}}
---
services:
  b:
    image: >-
      ghcr.io/acme/folded:1
  c:
    image: |-
      ghcr.io/acme/block:1
  "d.e": {image: "dotted:1"}
  ? f
  : image: "complex:1"
`,
    },
    images: ['a:1', 'ghcr.io/acme/folded:1', 'ghcr.io/acme/block:1', 'dotted:1', 'complex:1'],
  },
];
