# Each line is one that a person could type.
.PHONY: setup setup-run run test check bench

setup:            ## install what is missing, for everything
	tools/setup-run
	tools/setup-test
	tools/setup-kryoptic
	tools/setup-virtual-card

run:              ## build, set up a demonstration in ./lanyard-demo, sign a prescription, stay up
	tools/setup-run
	cargo run --locked -- demo $(ARGS)

test:             ## every check that decides; prints the time of each step
	tools/test

check:            ## the quick checks: format, spelling, alerting rules, dependencies, lints
	tools/check

bench:            ## speed against the token alone and against other programs; docs/performance.md explains
	tools/setup-run
	tools/setup-test
	tools/setup-virtual-card
	# The bench of cards runs the agent, which no default build makes.
	cargo build --locked --release --workspace --bin lanyard-agent
	# One that missed a goal ends with 1, and the next are measured all the same.
	missed=0; for bench in signing issuance ocsp products sign_in faces cards; do cargo bench --locked --bench $$bench || missed=1; done; exit $$missed
