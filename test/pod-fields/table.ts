/** The whole table, and which fields it speaks of. */
import { podSpecPaths } from './paths.ts'
import { environmentRows, lifecycleRows, probeRows, programRows } from './rows/container.ts'
import { edgeRows } from './rows/edges.ts'
import { hostileRows } from './rows/hostile.ts'
import { deviceRows } from './rows/devices.ts'
import { podRows } from './rows/pod.ts'
import { resourceRows, securityRows } from './rows/security.ts'
import { toldRows } from './rows/told.ts'
import { volumeRows } from './rows/volumes.ts'
import type { Row } from './row.ts'

export const sections: readonly { readonly title: string; readonly rows: readonly Row[] }[] = [
  { title: 'The pod', rows: podRows }, { title: 'Program, streams, ports', rows: programRows }, { title: 'Environment', rows: environmentRows }, { title: 'Probes', rows: probeRows },
  { title: 'Lifecycle hooks', rows: lifecycleRows }, { title: 'Security', rows: securityRows }, { title: 'Resources', rows: resourceRows }, { title: 'Devices', rows: deviceRows }, { title: 'Volumes', rows: volumeRows },
  { title: 'Corners', rows: edgeRows }, { title: 'What is told', rows: toldRows }, { title: 'Hostile names', rows: hostileRows },
]
export const rows: readonly Row[] = sections.flatMap((s) => s.rows)

const isIn = (pattern: string, path: string): boolean => (pattern.endsWith('.*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern)

/** Fields without a row, and names in rows that are no field. */
export function gaps(): { readonly missing: string[]; readonly unknown: string[] } {
  const paths = podSpecPaths()
  const named = rows.flatMap((r) => r.fields)
  return { missing: paths.filter((p) => !named.some((n) => isIn(n, p))), unknown: named.filter((n) => !paths.some((p) => isIn(n, p))) }
}

const outcome = (row: Row): string => ({ inside: 'honoured', status: 'honoured', story: 'honoured', refused: 'refused', kept: 'kept' })[row.kind]

/** The docs page. */
export function page(): string {
  const line = (row: Row): string => `| ${row.fields.map((f) => `\`${f.replace(/^spec\./, '')}\``).join(' ')} | ${outcome(row)} | ${row.says} | \`${row.id}\` |`
  return [
    '# The fields of a Pod', '',
    'What this node agent does with every field of a v1 Pod\'s spec (Kubernetes v1.33). Made from `test/pod-fields`: each row is a test that starts a real pod on containerd and on Docker, and observes it from',
    'inside or by its status (`npm test -- test/e2e/pod-fields`). *Honoured*: as upstream. *Refused*: with an error or an Event that names it, and nothing runs. *Kept*: stored and given back, no effect on this kind of node.',
    'Init, sidecar and ephemeral containers have the fields of a container; readiness and startup probes those of a liveness probe; preStop those of postStart.', '',
    ...sections.flatMap(({ title, rows: list }) => [`## ${title}`, '', '| field | here | what is seen | test |', '| --- | --- | --- | --- |', ...list.map(line), '']),
  ].join('\n')
}
