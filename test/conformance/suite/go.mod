// The conformance suite of the distribution specification, for 1.1 and later: go.sum holds the bytes of it and of all
// that it needs, so that nothing else is ever built and run.
module lading.test/conformance

go 1.24.0

require github.com/opencontainers/distribution-spec/conformance v0.0.0-20260831232431-97274622c111
