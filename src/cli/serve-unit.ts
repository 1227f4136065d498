import type { ConfigFile } from './serve-config.js';

export interface ServiceFacts {
  /** The arguments of `lading`. */
  args: readonly string[];
  /** Absolute paths of the archives and layouts, without buckets. */
  paths: readonly string[];
  /** Whether the registry writes to them. */
  writable: boolean;
  /** Whether there are files to reload while it runs. */
  reloadable: boolean;
  port: number;
  drainSeconds: number;
}

/** Returns a systemd service that runs this command line with few privileges. */
export function systemdUnit(facts: ServiceFacts): ConfigFile {
  const { args, paths, writable, reloadable, port, drainSeconds } = facts;
  const command = ['/usr/local/bin/lading', ...args];
  const places = paths.map(word).join(' ');
  // The only privilege that a port below 1024 requires.
  const capabilities = port < 1024 ? 'CAP_NET_BIND_SERVICE' : '';
  return {
    path: '/etc/systemd/system/lading.service',
    text: `[Unit]
Description=Container registry (lading)
After=network-online.target
Wants=network-online.target
${places === '' ? '' : `RequiresMountsFor=${places}\n`}
[Service]
# useradd --system --no-create-home --shell /usr/sbin/nologin lading
User=lading
ExecStart=${command.map((text) => word(text.replaceAll('$', '$$$$'))).join(' ')}
${reloadable ? 'ExecReload=/bin/kill -HUP $MAINPID\n' : ''}Restart=on-failure
# Longer than --drain-timeout.
TimeoutStopSec=${drainSeconds + 5}
LimitNOFILE=65536
UMask=0027
${writable ? `ReadWritePaths=${places}\n` : ''}AmbientCapabilities=${capabilities}
CapabilityBoundingSet=${capabilities}
LockPersonality=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
# Not MemoryDenyWriteExecute: Node.js compiles JavaScript while it runs.

[Install]
WantedBy=multi-user.target
`,
  };
}

/** Quotes a word for systemd; a percent sign starts a specifier there. (systemd.syntax, "Quoting") */
function word(text: string): string {
  const escaped = text.replaceAll('%', '%%').replace(/["\\]/g, '\\$&');
  return /^[\w./:=,@%$[\]-]+$/.test(text) ? escaped : `"${escaped}"`;
}
