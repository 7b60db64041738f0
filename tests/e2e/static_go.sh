#!/bin/sh
# SPDX-License-Identifier: MIT
# A Go program without cgo, which is static: static_go.sh UIOMMUFD LIBRARY. Skipped without a Go compiler.
. "$(dirname "$0")/lib.sh"
source=$(dirname "$0")/static_go/main.go

command -v go >/dev/null || exit 77
GOCACHE=$scratch/cache GOPATH=$scratch/go GO111MODULE=off CGO_ENABLED=0 GOFLAGS= go build -o "$scratch/program" "$source" ||
	exit 77

check a_go_program_drives_a_device prints copied run --device edu@0000:c1:00.0 -- "$scratch/program"
check a_go_program_on_a_shared_machine prints copied run --shared --device edu@0000:c1:00.0 -- "$scratch/program"
finish
