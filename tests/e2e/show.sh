#!/bin/sh
# SPDX-License-Identifier: MIT
# `uiommufd show` and `uiommufd lookup` of a running program: examples/staging, the third argument.
. "$(dirname "$0")/lib.sh"
staging=$3

"$uiommufd" run --iommu x86 --iommu 45bit --iommu power2win --device edu,iommu=x860 --device edu,iommu=45bit0 \
	--device edu,iommu=power2win0 -- "$staging" -p >"$scratch/program" 2>"$scratch/refusal" &
run=$!
trap 'kill $run 2>/dev/null; rm -rf "$scratch"' EXIT

# The program says when it has done all, just before it waits.
waited=0
until grep -qs "^time for" "$scratch/program"; do
	waited=$((waited + 1))
	[ $waited -lt 200 ] || { cat "$scratch/program" "$scratch/refusal"; exit 1; }
	sleep 0.05
done
# The only child of the only child of the run.
child_of() {
	grep -lx "PPid:	$1" /proc/[0-9]*/status 2>/dev/null | cut -d/ -f3
}
program=$(child_of "$(child_of $run)")

# shows TEXT COMMAND...: it prints a line with TEXT, however many blanks are between its words.
shows() {
	text=$1
	shift
	"$@" | tr -s ' ' >"$scratch/shown"
	grep -qF -- "$text" "$scratch/shown" || { cat "$scratch/shown"; return 1; }
}

check the_log_names_window_device_and_conflict grep -qF "refused, EADDRINUSE: 0000:03:00.0: window 0x0-0x7fffffff of IOAS 2 cannot be kept: 0x40000000-0x7ffffffffffffff is a hole in the aperture" "$scratch/refusal"
check staging_pins_and_charges_once grep -q "2 buses with all the memory by COPY, charged once" "$scratch/program"
check show_by_the_pid_of_the_program shows "allowed 0x0-0x7fffffff 2 GiB" "$uiommufd" show "$program"
check show_by_the_pid_of_the_run shows "0000:02:00.0 behind 45bit0 (45bit)" "$uiommufd" show "$run"
check show_names_who_reserves shows "reserved 0xfee00000-0xfeefffff 1 MiB device 3, 0000:01:00.0" "$uiommufd" show "$run"
check show_names_the_program shows "(staging): 4 MiB charged as locked" "$uiommufd" show "$run"
check show_says_where_a_device_fits shows "fits IOAS 1, 8" "$uiommufd" show "$run"
check show_says_which_window_is_in_the_way shows "conflict 0x40000000-0x7fffffff 1 GiB window of IOAS 2" "$uiommufd" show "$run"
check show_says_which_mapping_is_in_the_way shows "conflict 0x100000000-0x1000fffff 1 MiB mapping of IOAS 1" "$uiommufd" show "$run"
check show_as_json_is_json sh -c '"$1" show --json "$2" | python3 -m json.tool >/dev/null' - "$uiommufd" "$run"
check show_of_a_file_is_the_same sh -c '"$1" show --json "$2" >"$3/state" && "$1" show "$2" >"$3/a" && "$1" show - <"$3/state" >"$3/b" && diff "$3/a" "$3/b"' - "$uiommufd" "$run" "$scratch"
check a_state_of_another_version_is_refused complains 125 "the state has version 7, and this uiommufd reads version 1" \
	sh -c 'echo "{\"version\": 7, \"contexts\": []}" | "$1" show -' - "$uiommufd"
check what_is_no_state_is_refused complains 125 "is no state of a program" sh -c 'echo "{\"contexts\": []}" | "$1" show -' - "$uiommufd"
check picture_is_well_formed sh -c '"$1" show --svg "$2" | python3 -c "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.stdin)"' - "$uiommufd" "$run"
check picture_folds_devices_names_starts_and_tells_rights "$(dirname "$0")/show_picture.py" "$uiommufd" "$run"
check picture_says_what_does_not_fit shows "does not fit" "$uiommufd" show --svg "$run"
check page_has_the_state "$(dirname "$0")/show_page.py" "$uiommufd" "$run"
check lookup_walks_every_table shows "HWPT 6 of 45bit0, format amdv1, IOVA 0x1234:" "$uiommufd" lookup "$run" 2 0x1234
check lookup_shows_the_entries shows "level 0 table 0x" "$uiommufd" lookup "$run" 4 0x1234
check lookup_tells_the_bits shows ": PR NextLevel=1 IR IW" "$uiommufd" lookup "$run" 6 0x1234
check lookup_takes_all_64_bits shows "IOVA 0xfffffffffffffff0 in IOAS 2" "$uiommufd" lookup "$run" 2 0xfffffffffffffff0
check lookup_of_nothing_says_so shows "not mapped" "$uiommufd" lookup "$run" 2 0x500000
check lookup_names_the_mapping_below shows "the nearest mapping below is 0x" "$uiommufd" lookup "$run" 2 0x500000
check lookup_says_where_nothing_is_mapped shows "nothing is mapped above" "$uiommufd" lookup "$run" 2 0xfffffffffffffff0
check lookup_names_who_reserves shows "reserved 0xfee00000-0xfeefffff by device 3, 0000:01:00.0" "$uiommufd" lookup "$run" 2 0xfee00123
check lookup_in_what_is_no_table complains 125 "object 3 of context 0 in process $program: it is neither IOAS nor HWPT" "$uiommufd" lookup "$run" 3 0
check lookup_in_what_is_not_there complains 125 "there is no such thing" "$uiommufd" lookup "$run" 77 0
check lookup_wants_its_arguments complains 2 "which table?" "$uiommufd" lookup "$run"
check dump_prints_the_tables_of_an_ioas shows "HWPT 6 of IOAS 2, 45bit0: amdv1 root" "$uiommufd" dump "$run" 2
check dump_prints_one_table shows "HWPT 4 of IOAS 2, x860: vtdss root" "$uiommufd" dump "$run" 4
check dump_prints_entries shows "[0-511] level 0 iova 0x0 entry" "$uiommufd" dump "$run" 4
check dump_of_no_table_says_so complains 125 "it is neither IOAS nor HWPT" "$uiommufd" dump "$run" 3
check dump_wants_its_arguments complains 2 "which table?" "$uiommufd" dump
sleep 60 &
check show_of_another_process complains 125 "process $! has opened nothing emulated" "$uiommufd" show $!
kill $!
check show_of_no_process complains 2 "show has no option" "$uiommufd" show --pid
# The program does not notice: its table of descriptors has none of the library's.
check no_descriptor_is_added sh -c '! ls -l "/proc/$1/fd" | grep -q socket' - "$program"

# Whatever may connect may also kill the program, but a mistaken request must not.
cat >"$scratch/rubbish.py" <<'PYTHON'
import glob, os, socket, subprocess, sys
command, pid, root = sys.argv[1:]
path = root + "/control/" + pid
if os.stat(root + "/control").st_mode & 0o077 or os.stat(path).st_mode & 0o077:
    sys.exit("others may connect")
def client():
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    return peer
def answer(request):
    peer, got = client(), b""
    try:
        peer.sendall(request)
        while part := peer.recv(65536):
            got += part
    except ConnectionError:
        return b""
    return got
for request in b"show", b"show x\n", b"\0\0", b"lookup 0 1\n", b"lookup 0 1 0xzz\n", b"lookup 0 1 0 0\n":
    if not answer(request).startswith(b'{"error":38}'):
        sys.exit(str(request) + " is answered: " + str(answer(request)[:60]))
answer(b"show" * 100000)
silent = client()
client().close()
sys.exit(subprocess.run([command, "show", pid], stdout=subprocess.DEVNULL).returncode)
PYTHON
root=$(tr '\0' '\n' <"/proc/$program/environ" | sed -n 's/^UIOMMUFD_ROOT=//p')
check rubbish_and_silence_do_not_harm python3 "$scratch/rubbish.py" "$uiommufd" "$program" "$root"

# A program that is stopped, or that sends what it likes, is one line and no trouble.
does_not_answer() {
	kill -STOP "$program"
	complains 125 "process $program does not answer" timeout 5 "$uiommufd" show "$program" &&
		complains 125 "process $program does not answer" timeout 5 "$uiommufd" lookup "$run" 2 0x1234
	stopped=$?
	kill -CONT "$program"
	return $stopped
}
check a_stopped_program_does_not_answer does_not_answer

cat >"$scratch/evil.py" <<'PYTHON'
import os, socket, subprocess, sys
command, answer = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
server.bind(os.environ["UIOMMUFD_ROOT"] + "/control/" + str(os.getpid()))
server.listen()
show = subprocess.Popen([command, "show", str(os.getpid())], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
server.settimeout(10)
peer = server.accept()[0]
peer.close()  # to see whether there is one
peer = server.accept()[0]
peer.recv(100)
if answer == "controls":
    peer.sendall(b'{"pid":1,"program":"\\u001b]0;x\\u0007\xc2\x9b","contexts":[],"devices":[]}\0')
    peer.close()
else:
    peer.sendall(b'{"pid"')  # and never the rest
out = show.communicate(timeout=20)[0]
sys.exit(any(c < 32 and c != 10 for c in out) or b"\xc2\x9b" in out or (answer != "controls" and b"does not answer" not in out))
PYTHON
check control_characters_do_not_reach_the_terminal run -- python3 "$scratch/evil.py" "$uiommufd" controls
check an_answer_that_never_ends_is_given_up run -- python3 "$scratch/evil.py" "$uiommufd" half

kill $run
wait $run 2>/dev/null

# A child has its own, from when it first uses what it has inherited.
cat >"$scratch/fork.py" <<'PYTHON'
import fcntl, os, struct, subprocess, sys, time
fd = os.open("/dev/iommu", os.O_RDWR)
def alloc():
    fcntl.ioctl(fd, 0x3b81, bytearray(struct.pack("III", 12, 0, 0)), True)
def ioases(pid):
    # It answers from a thread of its own, which may not be there yet.
    for _ in range(200):
        shown = subprocess.run([sys.argv[1], "show", str(pid)], capture_output=True, text=True)
        if shown.returncode == 0:
            break
        time.sleep(0.05)
    return shown.stdout.count("IOAS")
alloc()
ready, go = os.pipe(), os.pipe()
pid = os.fork()
if pid == 0:
    alloc()
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    os._exit(0)
os.read(ready[0], 1)
found = ioases(os.getpid()), ioases(pid)
os.write(go[1], b"x")
os.waitpid(pid, 0)
print(found)
sys.exit(found != (1, 2))
PYTHON
check child_of_a_fork_answers_for_itself run -- python3 "$scratch/fork.py" "$uiommufd"
finish
