/** Named formats of text and semantic versions (`k8s.io/apiserver/pkg/cel/library/{format,semverlib}.go`). Pure. */
import { validateDns1035Label, validateDns1123Label, validateDns1123Subdomain, validateLabelValue, validateQualifiedName } from '../../../../shared/values/names.ts'
import type { FunctionEntry } from '../function-table.ts'
import { fn } from '../function-table.ts'
import { parseTimestamp } from '../time.ts'
import { CelError, CelList, CelOpaque, CelOptional } from '../values.ts'
import { parseSemver, compareSemver } from './semver.ts'
import type { Version } from './semver.ts'

const FORMAT = 'kubernetes.NamedFormat'
const SEMVER = 'kubernetes.Semver'

type Judge = (text: string) => readonly string[]

class FormatValue extends CelOpaque {
  readonly typeName = FORMAT
  readonly name: string
  readonly judge: Judge
  constructor(name: string, judge: Judge) {
    super()
    this.name = name
    this.judge = judge
  }
  override equals(other: CelOpaque): boolean { return other instanceof FormatValue && other.name === this.name }
}

const said = (pattern: RegExp, message: string): Judge => (text) => (pattern.test(text) ? [] : [message])
/** A prefix may end in a dash, which the whole name then does not. */
const prefix = (judge: Judge): Judge => (text) => judge(text.endsWith('-') ? `${text.slice(0, -1)}a` : text)
const uri: Judge = (text) => (text.startsWith('/') || /^[A-Za-z][A-Za-z0-9+.-]*:/.test(text) && URL.canParse(text) ? [] : [`parse ${JSON.stringify(text)}: invalid URI for request`])
const date: Judge = (text) => (parseTimestamp(`${text}T00:00:00Z`) === undefined ? ['invalid date'] : [])
const datetime: Judge = (text) => (parseTimestamp(text) === undefined ? ['invalid datetime'] : [])

const judges: Readonly<Record<string, Judge>> = {
  dns1123Label: validateDns1123Label, dns1123Subdomain: validateDns1123Subdomain, dns1035Label: validateDns1035Label, qualifiedName: validateQualifiedName,
  dns1123LabelPrefix: prefix(validateDns1123Label), dns1123SubdomainPrefix: prefix(validateDns1123Subdomain), dns1035LabelPrefix: prefix(validateDns1035Label),
  labelValue: validateLabelValue, uri, uuid: said(/^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$/, 'does not match the UUID format'),
  byte: said(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, 'invalid base64'), date, datetime,
}
const known = new Map(Object.entries(judges).map(([name, judge]) => [name, new FormatValue(name, judge)]))

function validate(format: FormatValue, text: string): CelOptional {
  const found = format.judge(text)
  return new CelOptional(found.length ? CelList.of([...found]) : undefined)
}

class SemverValue extends CelOpaque {
  readonly typeName = SEMVER
  readonly version: Version
  constructor(version: Version) {
    super()
    this.version = version
  }
  override equals(other: CelOpaque): boolean { return other instanceof SemverValue && compareSemver(this.version, other.version) === 0 }
}

function semver(text: string, normalize = false): SemverValue {
  const version = parseSemver(text, normalize)
  if (!version) throw new CelError(`Invalid character(s) found in version ${JSON.stringify(text)}`)
  return new SemverValue(version)
}
const isSemver = (text: string, normalize = false): boolean => parseSemver(text, normalize) !== undefined
const order = (name: string, holds: (order: number) => boolean): FunctionEntry =>
  fn(name, { [`${SEMVER}.(${SEMVER}) bool`]: (a: SemverValue, b: SemverValue) => holds(compareSemver(a.version, b.version)) })
const part = (name: 'major' | 'minor' | 'patch'): FunctionEntry => fn(name, { [`${SEMVER}.() int`]: (v: SemverValue) => v.version[name] })

export const formats: readonly FunctionEntry[] = [
  ...[...known].map(([name, format]) => fn(`format.${name}`, { [`() ${FORMAT}`]: () => format })),
  fn('format.named', { [`(string) optional(${FORMAT})`]: (name: string) => new CelOptional(known.get(name)) }),
  fn('validate', { [`${FORMAT}.(string) optional(list(string))`]: validate }, 'parse'),
  fn('semver', { [`(string) ${SEMVER}`]: (text: string) => semver(text), [`(string, bool) ${SEMVER}`]: semver }, 'parse'),
  fn('isSemver', { '(string) bool': (text: string) => isSemver(text), '(string, bool) bool': isSemver }, 'parse'),
  order('isGreaterThan', (o) => o > 0), order('isLessThan', (o) => o < 0),
  fn('compareTo', { [`${SEMVER}.(${SEMVER}) int`]: (a: SemverValue, b: SemverValue) => BigInt(compareSemver(a.version, b.version)) }),
  part('major'), part('minor'), part('patch'),
]
