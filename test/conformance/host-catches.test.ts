import assert from 'node:assert/strict'
import process from 'node:process'
import { describe, it } from 'node:test'
import { type HostSubject, runHostConformance } from 'pluggable-transports/testing'
import { CARELESS_HOSTS, launchTrusting } from '../support/careless-hosts.ts'

type Test = () => Promise<void>

function collect(subject: HostSubject): ReadonlyMap<string, Test> {
  const tests = new Map<string, Test>()
  runHostConformance(subject, { describe: (_title, define) => define(), it: (title, test) => tests.set(title, test) })
  return tests
}

const trusting = collect(CARELESS_HOSTS.trusts)
const brittle = collect(CARELESS_HOSTS['is brittle'])
const GOOD_CHILD = 'copes with a client that does as it should'
const ON_ADDRESSES = 'copes with two servers that were told an address each, one of IPv6'
const EXTENDED = 'copes with a server whose application server is an Extended ORPort'
const PROXIED = 'copes with a proxy that was asked for and is confirmed'
const TWO_METHODS = 'copes with methods in another order than asked for, and one that failed'
const EVERYWHERE = 'copes with a server without arguments, on every address'

const CAUGHT: readonly (readonly [careless: keyof typeof CARELESS_HOSTS, title: string, message: RegExp])[] = [
  ['trusts', 'refuses a child that dies without a word', /it was taken/],
  ['trusts', 'refuses a child that says nothing', /did not come within/],
  ['is brittle', 'copes with lines that end in CR LF', /it was refused/],
  ['is brittle', 'copes with a child that ends neither with its input nor at SIGTERM', /end of the stop did not come/],
  ['is brittle', 'refuses PROXY-ERROR', /the child is still there/],
  ['hands on its environment', GOOD_CHILD, /TOR_PT_PROXY was handed on to the child/],
  ['hands on its environment a moment later', GOOD_CHILD, /TOR_PT_PROXY was handed on to the child/],
  ['drops the proxy', PROXIED, /told what it was asked for: TOR_PT_PROXY/],
  ['drops the ORPort', EVERYWHERE, /told what it was asked for: TOR_PT_ORPORT/],
  ['drops the Extended ORPort', EXTENDED, /told what it was asked for: TOR_PT_EXTENDED_SERVER_PORT/],
  ['drops the cookie file', EXTENDED, /told what it was asked for: TOR_PT_AUTH_COOKIE_FILE/],
  ['drops the addresses to listen on', ON_ADDRESSES, /told where to listen/],
  ['tells other ports', GOOD_CHILD, /must be those that the child told/],
  ['tells other hosts', EVERYWHERE, /must be those that the child told/],
  ['mistakes one method for another', TWO_METHODS, /must be those that the child told/],
  ['ends its child too early', GOOD_CHILD, /must be there to use: connect ECONNREFUSED/],
]

describe('the conformance suite of hosts', { concurrency: 4 }, () => {
  for (const [title, test] of trusting)
    if (title !== GOOD_CHILD)
      it(`is failed by a host that trusts, or one that is brittle: ${title}`, async () => {
        const failures = await Promise.all([failure(test), failure(brittle.get(title)!)])
        assert.ok(failures.some((message) => message !== undefined))
      })

  it('passes a host of a few lines where a child does as it should, whatever it was asked for', async () => {
    const tests = collect({ launch: (options) => launchTrusting(options) })
    assert.ok(tests.size > 60, `the suite has ${tests.size} tests`)
    for (const title of [GOOD_CHILD, ON_ADDRESSES, EXTENDED, PROXIED, TWO_METHODS, EVERYWHERE])
      await assert.doesNotReject(tests.get(title)!())
  })

  for (const [careless, title, message] of CAUGHT)
    it(`says why a host fails that ${careless}: ${title}`, async () => {
      assert.match((await failure(collect(CARELESS_HOSTS[careless]).get(title)!)) ?? '', message)
    })
})

// By itself: the tests above have the variables in the environment side by side.
describe('the environment around the conformance suite of hosts', () => {
  it('is as it was after each test, and after tests side by side', async () => {
    process.env['TOR_PT_OF_OLD'] = 'before'
    await Promise.all([trusting.get(GOOD_CHILD)!(), trusting.get(EVERYWHERE)!()])
    assert.equal(process.env['TOR_PT_OF_OLD'], 'before')
    delete process.env['TOR_PT_OF_OLD']
    await trusting.get(GOOD_CHILD)!()
    assert.deepEqual(
      Object.keys(process.env).filter((name) => name.startsWith('TOR_PT_')),
      [],
    )
  })
})

async function failure(test: Test): Promise<string | undefined> {
  try {
    await test()
    return undefined
  } catch (error) {
    return String(error)
  }
}
