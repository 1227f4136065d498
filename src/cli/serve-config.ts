export const CONFIG_KINDS = ['docker', 'containerd', 'podman', 'k3s', 'systemd', 'kubernetes'] as const;
export type ConfigKind = (typeof CONFIG_KINDS)[number];

/** The address at which clients reach the registry. */
export interface ServedAddress {
  /** A name or an address, without brackets. */
  host: string;
  port: number;
  tls: boolean;
  /** Whether it requires a password. */
  authorization: boolean;
  writable: boolean;
}

/** A piece of configuration, and the file to which it belongs. */
export interface ConfigFile {
  path: string;
  /** When it is needed, or what it is. */
  note?: string;
  /** The text to write; undefined for a file that the user has to provide. */
  text?: string;
}

/** Returns a client's configuration, for the registry by its own name and as a mirror of those named by `origins`. */
export function clientConfig(
  kind: Exclude<ConfigKind, 'systemd' | 'kubernetes'>,
  address: ServedAddress,
  origins: readonly string[] = ['docker.io'],
): ConfigFile[] {
  switch (kind) {
    case 'docker':
      return dockerConfig(address, origins);
    case 'containerd':
      return containerdConfig(address, origins);
    case 'podman':
      return podmanConfig(address, origins);
    case 'k3s':
      return k3sConfig(address, origins);
  }
}

/** Docker supports mirrors of Docker Hub only, without passwords; other images are pulled by the registry's name. */
function dockerConfig(address: ServedAddress, origins: readonly string[]): ConfigFile[] {
  const registry = registryOf(address);
  const settings = {
    ...(!address.tls && { 'insecure-registries': [registry] }),
    ...(!address.authorization && origins.includes('docker.io') && { 'registry-mirrors': [urlOf(address)] }),
  };
  const text = `${JSON.stringify(settings, undefined, 2)}\n`;
  return [
    ...(Object.keys(settings).length > 0 ? [{ path: '/etc/docker/daemon.json', text }] : []),
    ...(address.tls ? [authority(`/etc/docker/certs.d/${registry}/ca.crt`)] : []),
  ];
}

/**
 * `_default` applies to all registries without a file of their own; the registry itself is still asked for what the
 * mirror lacks. Paths of certificates are relative to their file, so that the folder can be anywhere.
 */
function containerdConfig(address: ServedAddress, origins: readonly string[]): ConfigFile[] {
  const registry = registryOf(address);
  const url = urlOf(address);
  const folder = `/etc/containerd/certs.d/${registry}`;
  const capabilities = ['pull', 'resolve', ...(address.writable ? ['push'] : [])];
  const host = (able: string[], ca: string): string =>
    `[host.${quoted(url)}]\n  capabilities = [${able.map(quoted).join(', ')}]\n${address.tls ? `  ca = ${quoted(ca)}\n` : ''}`;
  const credentials = `
[plugins."io.containerd.grpc.v1.cri".registry.configs.${quoted(registry)}.auth]
  username = "USER"
  password = "PASSWORD"
`;
  const oldTLS = `
[plugins."io.containerd.grpc.v1.cri".registry.configs.${quoted(registry)}.tls]
  ca_file = ${quoted(`${folder}/ca.crt`)}
`;
  const oldMirrors = [registry, ...origins].map(
    (name) => `
[plugins."io.containerd.grpc.v1.cri".registry.mirrors.${quoted(name)}]
  endpoint = [${quoted(url)}]
`,
  );
  return [
    { path: `${folder}/hosts.toml`, text: `server = ${quoted(url)}\n\n${host(capabilities, 'ca.crt')}` },
    {
      path: '/etc/containerd/certs.d/_default/hosts.toml',
      text: host(['pull', 'resolve'], `../${registry}/ca.crt`),
    },
    {
      path: '/etc/containerd/config.toml',
      note: 'containerd 1.5 and later',
      text: `version = 2

[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
${address.authorization ? credentials : ''}`,
    },
    {
      path: '/etc/containerd/config.toml',
      note: 'older containerd, instead of all above',
      text: `version = 2
${oldMirrors.join('')}${address.tls ? oldTLS : ''}${address.authorization ? credentials : ''}`,
    },
    ...(address.tls ? [authority(`${folder}/ca.crt`)] : []),
  ];
}

function podmanConfig(address: ServedAddress, origins: readonly string[]): ConfigFile[] {
  const registry = registryOf(address);
  const insecure = address.tls ? '' : 'insecure = true\n';
  const mirrors = origins.map(
    (origin) => `
[[registry]]
prefix = ${quoted(origin)}
location = ${quoted(origin)}

[[registry.mirror]]
location = ${quoted(registry)}
${insecure}`,
  );
  return [
    {
      path: '/etc/containers/registries.conf.d/lading.conf',
      text: `[[registry]]
location = ${quoted(registry)}
${insecure}${mirrors.join('')}`,
    },
    ...(address.tls ? [authority(`/etc/containers/certs.d/${registry}/ca.crt`)] : []),
  ];
}

function k3sConfig(address: ServedAddress, origins: readonly string[]): ConfigFile[] {
  const registry = registryOf(address);
  const ca = '/etc/rancher/k3s/lading-ca.crt';
  const mirrors = [registry, ...origins].map(
    (name) => `  ${quoted(name)}:\n    endpoint:\n      - ${quoted(urlOf(address))}\n`,
  );
  const credentials = '    auth:\n      username: "USER"\n      password: "PASSWORD"\n';
  const tls = `    tls:\n      ca_file: ${quoted(ca)}\n`;
  const settings = (address.authorization ? credentials : '') + (address.tls ? tls : '');
  return [
    {
      path: '/etc/rancher/k3s/registries.yaml',
      text: `mirrors:\n${mirrors.join('')}${settings && `configs:\n  ${quoted(registry)}:\n${settings}`}`,
    },
    ...(address.tls ? [authority(ca)] : []),
  ];
}

function authority(path: string): ConfigFile {
  return {
    path,
    note: "the certificate of the authority that signed the server's certificate, in PEM format",
  };
}

/** Returns the registry as in a reference: `registry.local:5000`, `[::1]:5000`. */
export function registryOf({ host, port }: Pick<ServedAddress, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function urlOf(address: ServedAddress): string {
  return `${address.tls ? 'https' : 'http'}://${registryOf(address)}`;
}

/** Quotes a string for TOML and YAML. `parseListen` ensures that a host contains no quotes or backslashes. */
function quoted(text: string): string {
  return `"${text}"`;
}
