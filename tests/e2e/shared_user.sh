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
# It gets no answer, and the line that says why.
cat >"$scratch/hides.py" <<'END'
import ctypes, fcntl, os
fd = os.open("/dev/iommu", os.O_RDWR)
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
try:
    fcntl.ioctl(fd, 0x3B81, bytes(12))
except OSError as error:
    print(error.strerror)
END
hides() {
	cd "$scratch" || return
	TMPDIR=/tmp setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
		./uiommufd run --shared --device edu -- python3 hides.py >said 2>&1
	cat said
	grep -q "it does not let itself be looked" said && grep -q "^Inappropriate ioctl" said
}
check a_program_that_hides_is_told_of hides
finish
