import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { PROGRAM } from '../cli/program.js';
import { needs } from '../support/needs.js';
import { useFolder } from '../support/temporary.js';
import { TELLING_USAGE, usageIn } from '../support/usage.js';

const DOCUMENTS = 10_000;
const GOALS = { seconds: 5, mebibytes: 150 };

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
    it(`${what}, stays within ${GOALS.seconds} s of one core and ${GOALS.mebibytes} MiB`, async function () {
      needs(this, 'Linux');
      const text = Array.from({ length: DOCUMENTS }, (_, place) => document(place)).join('---\n');
      await writeFile(path('all.yaml'), text);
      const args = ['--import', TELLING_USAGE, PROGRAM, 'find', path('all.yaml'), '--quiet'];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
      const names = stdout.trimEnd().split('\n');
      assert.ok(names.length >= (DOCUMENTS / 4) * images, `${names.length} names`);
      const { seconds, peakBytes } = usageIn(stderr);
      const mebibytes = peakBytes / 2 ** 20;
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
