#!/bin/sh
# SPDX-License-Identifier: MIT
# A shared machine of a user without any privilege. Further arguments: programs to run on it.
. "$(dirname "$0")/lib.sh"
shift 2
if [ "$(id -u)" -ne 0 ] || ! command -v setpriv >/dev/null; then
	echo "only root can be another user: skipped"
	exit 77
fi

# The user may not look into the directories that these are in.
chmod 755 "$scratch"
cp "$uiommufd" "$@" "$scratch"
chmod 755 "$scratch"/*

works() {
	cd "$scratch" || return
	TMPDIR=/tmp setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
		./uiommufd run --shared --device edu@0000:c1:00.0 -- "./${1##*/}"
}
for program in "$@"; do
	check "${program##*/}_works_without_privilege" works "$program"
done
finish
