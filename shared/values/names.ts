/** Name rules of `k8s.io/apimachinery/pkg/util/validation`, with its messages. Each returns the findings, none where the value is fine. Pure. */

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const dns1123Label = new RegExp(`^${label}$`)
const dns1123Subdomain = new RegExp(`^${label}(\\.${label})*$`)
const dns1035Label = /^[a-z]([-a-z0-9]*[a-z0-9])?$/
const qualifiedPart = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/
const labelValuePattern = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/
const envName = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/
const configKey = /^[-._a-zA-Z0-9]+$/
const percentPattern = /^[0-9]+%$/

const dns1123LabelMessage = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
const dns1123SubdomainMessage = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
const dns1035Message = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"
const qualifiedMessage = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"

/** Upstream's `MaxLenError`. */
export const maxLengthMessage = (length: number): string => `must be no more than ${length} characters`
const regexMessage = (message: string, pattern: string, ...examples: string[]): string =>
  `${message} (e.g. ${examples.map((e) => `'${e}', `).join(' or ')}regex used for validation is '${pattern}')`
/** Upstream's `EmptyError`. */
export const emptyMessage = 'must be non-empty'
/** Upstream's `InclusiveRangeError`. */
export const rangeMessage = (low: number, high: number): string => `must be between ${low} and ${high}, inclusive`

export function validateDns1123Label(value: string): string[] {
  const found: string[] = []
  if (value.length > 63) found.push(maxLengthMessage(63))
  if (!dns1123Label.test(value)) {
    found.push(dns1123Subdomain.test(value) ? 'must not contain dots' : regexMessage(dns1123LabelMessage, label, 'my-name', '123-abc'))
  }
  return found
}

export function validateDns1123Subdomain(value: string): string[] {
  const found: string[] = []
  if (value.length > 253) found.push(maxLengthMessage(253))
  if (!dns1123Subdomain.test(value)) found.push(regexMessage(dns1123SubdomainMessage, `${label}(\\.${label})*`, 'example.com'))
  return found
}

/** `*.example.com`. */
export function validateWildcardDns1123Subdomain(value: string): string[] {
  const found: string[] = []
  if (value.length > 253) found.push(maxLengthMessage(253))
  if (!value.startsWith('*.') || !dns1123Subdomain.test(value.slice(2))) {
    found.push(regexMessage("a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character", `\\*\\.${label}(\\.${label})*`, '*.example.com'))
  }
  return found
}

export function validateDns1035Label(value: string): string[] {
  const found: string[] = []
  if (value.length > 63) found.push(maxLengthMessage(63))
  if (!dns1035Label.test(value)) found.push(regexMessage(dns1035Message, '[a-z]([-a-z0-9]*[a-z0-9])?', 'my-name', 'abc-123'))
  return found
}

/** A label or annotation key: `name` or `dns.prefix/name`. */
export function validateQualifiedName(value: string): string[] {
  const parts = value.split('/')
  if (parts.length > 2) {
    return [`a qualified name ${regexMessage(qualifiedMessage, '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]', 'MyName', 'my.name', '123-abc')} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
  }
  const found: string[] = []
  if (parts.length === 2) {
    const prefix = parts[0] as string
    if (prefix === '') found.push(`prefix part ${emptyMessage}`)
    else for (const m of validateDns1123Subdomain(prefix)) found.push(`prefix part ${m}`)
  }
  const name = parts[parts.length - 1] as string
  if (name === '') found.push(`name part ${emptyMessage}`)
  else if (name.length > 63) found.push(`name part ${maxLengthMessage(63)}`)
  if (!qualifiedPart.test(name)) found.push(`name part ${regexMessage(qualifiedMessage, '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]', 'MyName', 'my.name', '123-abc')}`)
  return found
}

export function validateLabelValue(value: string): string[] {
  const found: string[] = []
  if (value.length > 63) found.push(maxLengthMessage(63))
  if (!labelValuePattern.test(value)) {
    found.push(regexMessage(`a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
      '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?', 'MyValue', 'my_value', '12345'))
  }
  return found
}

/** An environment variable's name: any printable ASCII but `=` (relaxed since v1.32). */
export function validateEnvVarName(value: string): string[] {
  const found: string[] = []
  if (value === '') found.push(emptyMessage)
  else if (!/^[ -<>-~]+$/.test(value)) found.push("a valid environment variable name must consist only of printable ASCII characters other than '='")
  return found
}
/** The strict rule, for a ConfigMap's keys read with `envFrom`. */
export const isPlainEnvVarName = (value: string): boolean => envName.test(value)

/** A key of a ConfigMap or Secret. */
export function validateConfigKey(value: string): string[] {
  const found: string[] = []
  if (value.length > 253) found.push(maxLengthMessage(253))
  if (!configKey.test(value)) found.push(regexMessage("a valid config key must consist of alphanumeric characters, '-', '_' or '.'", '[-._a-zA-Z0-9]+', 'key.name', 'KEY_NAME', 'key-name'))
  if (value === '.') found.push("must not be '.'")
  else if (value === '..') found.push("must not be '..'")
  else if (value.startsWith('..')) found.push("must not start with '..'")
  return found
}

export const validatePortNumber = (port: number): string[] => (port >= 1 && port <= 65535 ? [] : [rangeMessage(1, 65535)])

/** An IANA service name: the name of a port. */
export function validatePortName(value: string): string[] {
  const found: string[] = []
  if (value.length > 15) found.push(maxLengthMessage(15))
  if (!/^[-a-z0-9]+$/.test(value)) found.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(value)) found.push('must contain at least one letter (a-z)')
  if (value.includes('--')) found.push('must not contain consecutive hyphens')
  if (value.startsWith('-') || value.endsWith('-')) found.push('must not begin or end with a hyphen')
  return found
}

export const isPercent = (value: string): boolean => percentPattern.test(value)

/** A path segment, for names of RBAC objects, which may contain what DNS forbids. */
export function validatePathSegment(value: string, prefix: boolean): string[] {
  const found: string[] = []
  if (!prefix && (value === '.' || value === '..')) found.push(`may not be '${value}'`)
  for (const c of ['/', '%']) if (value.includes(c)) found.push(`may not contain '${c}'`)
  return found
}

/** For rules that judge a `generateName`: a trailing dash is legal there. */
export const maskTrailingDash = (value: string): string => (value.length > 1 && value.endsWith('-') ? `${value.slice(0, -2)}a` : value)
