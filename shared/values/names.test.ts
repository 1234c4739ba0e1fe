import { expect, it } from 'vitest'
import * as names from './names.ts'

it.each([
  [names.validateDns1123Label, 'web', []], [names.validateDns1123Label, 'a.b', ['must not contain dots']],
  [names.validateDns1123Label, 'Web', ["a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"]],
  [names.validateDns1123Label, 'a'.repeat(64), ['must be no more than 63 characters']],
  [names.validateDns1123Subdomain, 'a.b-c', []],
  [names.validateDns1123Subdomain, 'a_b', ["a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"]],
  [names.validateDns1035Label, '1a', ["a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"]],
  [names.validateLabelValue, '', []], [names.validateLabelValue, 'a b', ["a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"]],
  [names.validateQualifiedName, 'example.com/Name', []], [names.validateQualifiedName, '/a', ['prefix part must be non-empty']],
  [names.validatePortName, 'http', []], [names.validatePortName, '80', ['must contain at least one letter (a-z)']], [names.validatePortName, 'a--b', ['must not contain consecutive hyphens']],
  [names.validateConfigKey, 'a.b_C-1', []], [names.validateConfigKey, '..', ["must not be '..'"]], [names.validateEnvVarName, 'A B', []],
  [names.validateEnvVarName, 'A=B', ["a valid environment variable name must consist only of printable ASCII characters other than '='"]],
])('%o says of %j: %j', (rule, value, expected) => { expect(rule(value)).toEqual(expected) })
it('a generated name may end with a dash', () => { expect(names.validateDns1123Label(names.maskTrailingDash('web-'))).toEqual([]) })
