import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { runLading } from '../cli/program.js';
import { useFolder } from '../support/temporary.js';

const DOCUMENTS = 10_000;
const GOALS = { seconds: 5, mebibytes: 150 };

/** Prints what the program needed when it ends: seconds of the processor, and the most memory. */
const PROBE = `process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  process.stderr.write(JSON.stringify({ seconds: (user + system) / 1e6, mebibytes: process.resourceUsage().maxRSS / 1024 }));
});`;

describe('lading find, in 10,000 documents,', () => {
  const path = useFolder('the suite');

  for (const [what, document, images] of [
    ['of Deployments as Helm prints them', deployment, 1],
    ['in flow style, which the fast reader leaves to the yaml package', daemonSet, 2],
    [
      'of several kinds',
      (place: number) => [deployment, service, role, configMap][place % 4]?.(place) ?? '',
      1,
    ],
  ] as const)
    it(`${what}, stays within ${GOALS.seconds} s of one core and ${GOALS.mebibytes} MiB`, async () => {
      const text = Array.from({ length: DOCUMENTS }, (_, place) => document(place)).join('---\n');
      await writeFile(path('all.yaml'), text);
      await writeFile(path('probe.cjs'), PROBE);
      const { code, stdout, stderr } = await runLading(['find', path('all.yaml')], {
        timeout: 120_000,
        env: { NODE_OPTIONS: `--require=${path('probe.cjs')}` },
      });
      assert.equal(code, 0, stderr);
      const names = stdout.trimEnd().split('\n');
      assert.ok(names.length >= (DOCUMENTS / 4) * images, `${names.length} names`);
      const { seconds, mebibytes } = JSON.parse(stderr);
      const figures = `${(text.length / 1e6).toFixed(1)} MB, ${names.length} names: ${seconds.toFixed(1)} s, ${mebibytes.toFixed(0)} MiB`;
      console.log(`      ${figures}`);
      assert.ok(seconds <= GOALS.seconds && mebibytes <= GOALS.mebibytes, figures);
    });
});

function deployment(place: number): string {
  return `# Source: app/templates/deployment-${place}.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-${place}
  labels:
    app.kubernetes.io/name: app-${place}
    app.kubernetes.io/instance: release
    app.kubernetes.io/version: "1.2.3"
    helm.sh/chart: app-1.2.3
spec:
  replicas: 2
  selector:
    matchLabels:
      app.kubernetes.io/name: app-${place}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: app-${place}
    spec:
      serviceAccountName: app-${place}
      containers:
        - name: app
          image: "ghcr.io/org/app-${place}:1.2.3"
          imagePullPolicy: IfNotPresent
          args:
            - --log-level=info
            - --listen=:8080
          env:
            - name: POD_NAME
              valueFrom:
                fieldRef:
                  fieldPath: metadata.name
          ports:
            - name: http
              containerPort: 8080
          livenessProbe:
            httpGet:
              path: /healthz
              port: http
          resources:
            limits:
              cpu: 500m
              memory: 128Mi
`;
}

function daemonSet(place: number): string {
  return `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ds-${place}, labels: {app: ds}}
spec:
  selector: {matchLabels: {app: ds}}
  template:
    metadata: {labels: {app: ds}}
    spec:
      containers:
        - {name: a, image: "quay.io/org/ds-${place}:2", args: ["--v=1", "--sidecar-image=quay.io/org/side-${place}:1"]}
      tolerations: [{operator: Exists}]
`;
}

function service(place: number): string {
  return `apiVersion: v1
kind: Service
metadata:
  name: s-${place}
spec:
  ports:
    - port: 80
      targetPort: http
  selector:
    app: "a"
`;
}

function role(place: number): string {
  return `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: r-${place}
rules:
- apiGroups: [""]
  resources: ["pods", "services"]
  verbs: ["get", "list", "watch"]
`;
}

function configMap(place: number): string {
  return `apiVersion: v1
kind: ConfigMap
metadata:
  name: c-${place}
data:
  app.yaml: |
    server:
      port: 8080
      image: ghcr.io/org/side-${place}:1
  run.sh: |
    #!/bin/sh
    exec /bin/app --image=quay.io/org/run:${place}
`;
}
