#!/bin/sh
# SPDX-License-Identifier: MIT
# Models in shared objects: plugin.sh UIOMMUFD PRELOAD COUNTER.so COUNTER-DRIVER MOVER.so MOVER-DRIVER
. "$(dirname "$0")/lib.sh"
uiommufd=$(realpath "$uiommufd") preload=$(realpath "$2")
counter=$(realpath "$3") counter_driver=$(realpath "$4") mover=$(realpath "$5") mover_driver=$(realpath "$6")

check a_driver_finds_the_model prints "the counter is at 42" run --device "$counter" -- "$counter_driver"
check a_model_does_dma prints "524288 bytes copied, 1 interrupt" run --device "$mover" -- "$mover_driver"
check list_describes_it sh -c '"$1" list "$2" | grep -q "^counter: one register"' - "$uiommufd" "$counter"
check list_describes_it_as_json sh -c '"$1" list --json "$2" | grep -q "\"name\":.\?\"mover\""' - "$uiommufd" "$mover"
check two_devices_have_one_model prints "524288 bytes copied, 1 interrupt" \
	run --device "$mover" --device "$mover@0000:05:00.0" -- "$mover_driver"
check several_models_are_in_one_machine prints "the counter is at 42" \
	run --device edu --device "$mover" --device "$counter" -- "$counter_driver"
# The path is relative to where the command was given, whatever the program does before it opens.
check a_relative_path_survives_a_change_of_directory prints "the counter is at 42" sh -c \
	'cd "$(dirname "$2")" && "$1" run --device "./$(basename "$2")" -- sh -c "cd / && exec \"$3\""' \
	- "$uiommufd" "$counter" "$counter_driver"
check a_missing_file_is_wrong_usage complains 2 "/nosuch/model.so" run --device /nosuch/model.so -- true
check a_file_that_is_no_library_is_wrong_usage complains 2 "/etc/passwd" run --device /etc/passwd -- true
check a_library_without_a_model_is_wrong_usage complains 2 "UIOMMUFD_MODEL() is missing" run --device "$preload" -- true
check an_unknown_option_names_the_model complains 2 'counter has no option "x"' run --device "$counter,x=1" -- true
finish
