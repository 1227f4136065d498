import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { clientConfig, type ServedAddress } from '../../src/cli/serve-config.js';
import { systemdUnit } from '../../src/cli/serve-unit.js';

const PLAIN: ServedAddress = {
  host: 'registry.lan',
  port: 5000,
  tls: false,
  authorization: false,
  writable: false,
};
const SECURED: ServedAddress = { ...PLAIN, tls: true, authorization: true, writable: true };

/** Path and text of each file, as one text. */
function written(...args: Parameters<typeof clientConfig>): string {
  return clientConfig(...args)
    .map(({ path, note, text }) => `== ${path}${note === undefined ? '' : ` (${note})`}\n${text ?? ''}`)
    .join('');
}

const CA = "(the certificate of the authority that signed the server's certificate, in PEM format)";

describe('clientConfig, for images of several registries', () => {
  const ORIGINS = ['docker.io', 'quay.io'];
  const textOf = (kind: Parameters<typeof clientConfig>[0], origins: string[]): string =>
    written(kind, PLAIN, origins);

  it('is a mirror of each of them', () => {
    const { mirrors } = parse(clientConfig('k3s', PLAIN, ORIGINS)[0]?.text ?? '');
    assert.deepEqual(Object.keys(mirrors), ['registry.lan:5000', ...ORIGINS]);
    for (const origin of ORIGINS) {
      assert.ok(textOf('podman', ORIGINS).includes(`prefix = "${origin}"\nlocation = "${origin}"\n`));
      assert.ok(textOf('containerd', ORIGINS).includes(`.registry.mirrors."${origin}"]`));
    }
  });

  it('is none of Docker Hub where nothing is of it', () => {
    for (const kind of ['docker', 'podman', 'k3s', 'containerd'] as const)
      assert.doesNotMatch(textOf(kind, ['quay.io']), /docker\.io|registry-mirrors/, kind);
  });
});

describe('clientConfig', () => {
  it('tells docker', () => {
    assert.equal(
      written('docker', PLAIN),
      `== /etc/docker/daemon.json
{
  "insecure-registries": [
    "registry.lan:5000"
  ],
  "registry-mirrors": [
    "http://registry.lan:5000"
  ]
}
`,
    );
    assert.equal(
      written('docker', { ...PLAIN, tls: true }),
      `== /etc/docker/daemon.json
{
  "registry-mirrors": [
    "https://registry.lan:5000"
  ]
}
== /etc/docker/certs.d/registry.lan:5000/ca.crt ${CA}
`,
    );
    assert.equal(
      written('docker', SECURED),
      `== /etc/docker/certs.d/registry.lan:5000/ca.crt ${CA}
`,
    );
  });

  it('tells containerd, the old and the new', () => {
    assert.equal(
      written('containerd', PLAIN),
      `== /etc/containerd/certs.d/registry.lan:5000/hosts.toml
server = "http://registry.lan:5000"

[host."http://registry.lan:5000"]
  capabilities = ["pull", "resolve"]
== /etc/containerd/certs.d/_default/hosts.toml
[host."http://registry.lan:5000"]
  capabilities = ["pull", "resolve"]
== /etc/containerd/config.toml (containerd 1.5 and later)
version = 2

[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
== /etc/containerd/config.toml (older containerd, instead of all above)
version = 2

[plugins."io.containerd.grpc.v1.cri".registry.mirrors."registry.lan:5000"]
  endpoint = ["http://registry.lan:5000"]

[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
  endpoint = ["http://registry.lan:5000"]
`,
    );
    const folder = '/etc/containerd/certs.d/registry.lan:5000';
    const auth = `
[plugins."io.containerd.grpc.v1.cri".registry.configs."registry.lan:5000".auth]
  username = "USER"
  password = "PASSWORD"
`;
    assert.equal(
      written('containerd', SECURED),
      `== ${folder}/hosts.toml
server = "https://registry.lan:5000"

[host."https://registry.lan:5000"]
  capabilities = ["pull", "resolve", "push"]
  ca = "ca.crt"
== /etc/containerd/certs.d/_default/hosts.toml
[host."https://registry.lan:5000"]
  capabilities = ["pull", "resolve"]
  ca = "../registry.lan:5000/ca.crt"
== /etc/containerd/config.toml (containerd 1.5 and later)
version = 2

[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
${auth}== /etc/containerd/config.toml (older containerd, instead of all above)
version = 2

[plugins."io.containerd.grpc.v1.cri".registry.mirrors."registry.lan:5000"]
  endpoint = ["https://registry.lan:5000"]

[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
  endpoint = ["https://registry.lan:5000"]

[plugins."io.containerd.grpc.v1.cri".registry.configs."registry.lan:5000".tls]
  ca_file = "${folder}/ca.crt"
${auth}== ${folder}/ca.crt ${CA}
`,
    );
  });

  it('tells podman', () => {
    assert.equal(
      written('podman', PLAIN),
      `== /etc/containers/registries.conf.d/lading.conf
[[registry]]
location = "registry.lan:5000"
insecure = true

[[registry]]
prefix = "docker.io"
location = "docker.io"

[[registry.mirror]]
location = "registry.lan:5000"
insecure = true
`,
    );
    assert.equal(
      written('podman', SECURED),
      `== /etc/containers/registries.conf.d/lading.conf
[[registry]]
location = "registry.lan:5000"

[[registry]]
prefix = "docker.io"
location = "docker.io"

[[registry.mirror]]
location = "registry.lan:5000"
== /etc/containers/certs.d/registry.lan:5000/ca.crt ${CA}
`,
    );
  });

  it('tells k3s', () => {
    assert.equal(
      written('k3s', PLAIN),
      `== /etc/rancher/k3s/registries.yaml
mirrors:
  "registry.lan:5000":
    endpoint:
      - "http://registry.lan:5000"
  "docker.io":
    endpoint:
      - "http://registry.lan:5000"
`,
    );
    assert.equal(
      written('k3s', SECURED),
      `== /etc/rancher/k3s/registries.yaml
mirrors:
  "registry.lan:5000":
    endpoint:
      - "https://registry.lan:5000"
  "docker.io":
    endpoint:
      - "https://registry.lan:5000"
configs:
  "registry.lan:5000":
    auth:
      username: "USER"
      password: "PASSWORD"
    tls:
      ca_file: "/etc/rancher/k3s/lading-ca.crt"
== /etc/rancher/k3s/lading-ca.crt ${CA}
`,
    );
  });

  it('writes for k3s what is YAML, with the keys that k3s reads', () => {
    const documents = [PLAIN, SECURED, { ...PLAIN, host: 'fd00::1' }].map((address) =>
      parse(clientConfig('k3s', address)[0]?.text ?? ''),
    );
    const mirrorsAt = (name: string, url: string) => ({
      [name]: { endpoint: [url] },
      'docker.io': { endpoint: [url] },
    });
    assert.deepEqual(documents, [
      { mirrors: mirrorsAt('registry.lan:5000', 'http://registry.lan:5000') },
      {
        mirrors: mirrorsAt('registry.lan:5000', 'https://registry.lan:5000'),
        configs: {
          'registry.lan:5000': {
            auth: { username: 'USER', password: 'PASSWORD' },
            tls: { ca_file: '/etc/rancher/k3s/lading-ca.crt' },
          },
        },
      },
      { mirrors: mirrorsAt('[fd00::1]:5000', 'http://[fd00::1]:5000') },
    ]);
  });

  it('writes an address of IPv6 as references do', () => {
    assert.match(written('podman', { ...PLAIN, host: 'fd00::1' }), /^location = "\[fd00::1\]:5000"$/m);
  });
});

describe('systemdUnit', () => {
  const facts = {
    args: ['serve', '/srv/images.tar', '--listen', 'registry.lan:5000'],
    paths: ['/srv/images.tar'],
    writable: false,
    reloadable: false,
    port: 5000,
    drainSeconds: 10,
  };
  const lines = (more: Partial<typeof facts> = {}): string[] =>
    systemdUnit({ ...facts, ...more }).text?.split('\n') ?? [];

  it('runs the command line without a right that it does not need', () => {
    const unit = lines();
    for (const line of [
      'ExecStart=/usr/local/bin/lading serve /srv/images.tar --listen registry.lan:5000',
      'RequiresMountsFor=/srv/images.tar',
      'TimeoutStopSec=15',
      'AmbientCapabilities=',
      'CapabilityBoundingSet=',
      'NoNewPrivileges=yes',
      'ProtectSystem=strict',
      'User=lading',
      'WantedBy=multi-user.target',
    ])
      assert.ok(unit.includes(line), line);
    assert.ok(!unit.some((line) => /^(ReadWritePaths|ExecReload|MemoryDenyWriteExecute)/.test(line)));
  });

  it('may write to what it serves writable, open a low port, and read its files again', () => {
    const unit = lines({ writable: true, reloadable: true, port: 443, paths: ['/srv/a', '/srv/b'] });
    for (const line of [
      'ReadWritePaths=/srv/a /srv/b',
      'ExecReload=/bin/kill -HUP $MAINPID',
      'AmbientCapabilities=CAP_NET_BIND_SERVICE',
      'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
    ])
      assert.ok(unit.includes(line), line);
  });

  it('quotes what systemd would take apart', () => {
    const path = '/srv/50% "of" $all\\';
    const unit = lines({ args: ['serve', path], paths: [path] });
    assert.ok(unit.includes('ExecStart=/usr/local/bin/lading serve "/srv/50%% \\"of\\" $$all\\\\"'));
    assert.ok(unit.includes('RequiresMountsFor="/srv/50%% \\"of\\" $all\\\\"'));
  });
});
