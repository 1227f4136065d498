import type { ConfigFile } from './serve-config.js';

export interface ServiceFacts {
  /** What follows `lading` on its command line. */
  args: readonly string[];
  /** Absolute paths of the archives and layouts. */
  paths: readonly string[];
  /** Whether they are written to. */
  writable: boolean;
  /** Whether there is something to read again while it runs. */
  reloadable: boolean;
  port: number;
  drainSeconds: number;
}

/** A service of systemd that runs this command line, and may do little else. */
export function systemdUnit(facts: ServiceFacts): ConfigFile {
  const { args, paths, writable, reloadable, port, drainSeconds } = facts;
  const command = ['/usr/local/bin/lading', ...args];
  const places = paths.map(word).join(' ');
  // The one right that a server of a low port needs beyond those of its user.
  const capabilities = port < 1024 ? 'CAP_NET_BIND_SERVICE' : '';
  return {
    path: '/etc/systemd/system/lading.service',
    text: `[Unit]
Description=Container registry (lading)
After=network-online.target
Wants=network-online.target
RequiresMountsFor=${places}

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

/** One word of a list, as systemd reads it: a percent sign begins a specifier. (systemd.syntax, "Quoting") */
function word(text: string): string {
  const escaped = text.replaceAll('%', '%%').replace(/["\\]/g, '\\$&');
  return /^[\w./:=,@%$[\]-]+$/.test(text) ? escaped : `"${escaped}"`;
}
