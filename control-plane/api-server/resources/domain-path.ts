/** Names of the form `example.com/path` (`IsDomainPrefixedPath`). Pure. */
import { validateDns1123Subdomain } from '../../../shared/values/names.ts'
import type { FieldError } from './definition.ts'
import { invalidFor, invalidValue, required } from './findings.ts'

const pathPattern = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
const path = new RegExp(`^${pathPattern}$`)

export function validateDomainPrefixedPath(value: string, field: string): FieldError[] {
  if (value === '') return [required(field)]
  const slash = value.indexOf('/')
  if (slash <= 0 || slash === value.length - 1) return [invalidValue(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
  const [host, rest] = [value.slice(0, slash), value.slice(slash + 1)]
  const found = invalidFor(field, host, validateDns1123Subdomain(host))
  if (!path.test(rest)) found.push(invalidValue(field, rest, `Invalid path (e.g. 'acme.io/foo', regex used for validation is '${pathPattern}')`))
  return found
}
