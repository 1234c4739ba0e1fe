import type { CSINode, CSINodeDriver } from '../../../shared/api/storage-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { validateQualifiedName } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { duplicate, invalidFor, invalidValue, nonNegative, required } from './findings.ts'
import { validateDriverName } from './pod-spec/volume-sources.ts'

const maxNodeId = 192

function validateDriver(driver: CSINodeDriver, at: string): FieldError[] {
  const found = validateDriverName(driver.name, `${at}.name`)
  if (!driver.nodeID) found.push(required(`${at}.nodeID`))
  else if (driver.nodeID.length > maxNodeId) found.push(invalidValue(`${at}.nodeID`, driver.nodeID, `must be ${maxNodeId} characters or less`))
  found.push(...nonNegative(`${at}.allocatable.count`, driver.allocatable?.count))
  const keys = driver.topologyKeys ?? []
  keys.forEach((key, i) => {
    if (keys.indexOf(key) < i) found.push(duplicate(`${at}.topologyKeys`, key))
    else if (!key) found.push(required(`${at}.topologyKeys`))
    else found.push(...invalidFor(`${at}.topologyKeys`, key, validateQualifiedName(key)))
  })
  return found
}

const driversOf = (node: CSINode): readonly CSINodeDriver[] => node.spec?.drivers ?? []

export const csiNodes = define<CSINode>({
  group: 'storage.k8s.io', version: 'v1', resource: 'csinodes', kind: 'CSINode', namespaced: false, schema: 'storage-v1.CSINode',
  columns: [nameColumn, column('Drivers', (n) => driversOf(n).length, { type: 'integer', description: 'Drivers indicates the number of CSI drivers registered on the node' }), ageColumn],
  strategy: {
    default: (n) => { (n.spec ??= { drivers: [] }).drivers ??= [] },
    allowUnconditionalUpdate: false,
    validate: (n) => driversOf(n).flatMap((d, i) => [
      ...validateDriver(d, `spec.drivers[${i}]`), ...(driversOf(n).findIndex((other) => other.name === d.name) < i ? [duplicate(`spec.drivers[${i}].name`, d.name)] : []),
    ]),
    /** A driver may come and go; while it is there only how many volumes it takes may change. */
    validateUpdate: (n, old) => driversOf(n).flatMap((d, i) => {
      const before = driversOf(old).find((o) => o.name === d.name)
      const bare = ({ allocatable: _count, ...rest }: CSINodeDriver): object => rest
      return before && !equalJson(bare(d), bare(before)) ? [invalidValue(`spec.drivers[${i}]`, d, 'field is immutable')] : []
    }),
  },
})
