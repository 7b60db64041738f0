# SPDX-License-Identifier: MIT
# fish: commands, options, models and kinds are those that the uiommufd that is typed names itself.

function __uiommufd_words
    set -l program (commandline -opc)[1]
    switch $argv[1]
        case commands
            $program --help 2>/dev/null | sed -n 's/^  \([a-z]\{3,\}\)  *.*/\1/p'
        case machines
            $program machine --list 2>/dev/null
        case options
            set -l command (commandline -opc)[2]
            $program $command --help 2>/dev/null | grep -oE -- '(^|[ ,])--?[a-z][a-z-]*' | tr -d ' ,' | sort -u
            echo -- --help
        case '*'
            $program list 2>/dev/null | awk -v heading="$argv[1]" '/^[^ ]/ { on = tolower($0) ~ heading } on && /^  [a-z0-9]/ { print $1 }'
    end
end

# Behind "--" another program's words begin.
function __uiommufd_of_ours
    set -l words (commandline -opc)
    test (count $words) -gt 1; and not contains -- -- $words
end

function __uiommufd_after
    __uiommufd_of_ours; and test (commandline -opc)[-1] = $argv[1]
end

function __uiommufd_option
    __uiommufd_of_ours; and string match -q -- '-*' (commandline -ct)
end

complete -c uiommufd -n 'test (count (commandline -opc)) -eq 1' -f -a '(__uiommufd_words commands) --help --version'
complete -c uiommufd -n __uiommufd_option -a '(__uiommufd_words options)'
complete -c uiommufd -n '__uiommufd_after --device' -f -a '(__uiommufd_words device)'
complete -c uiommufd -n '__uiommufd_after --iommu' -f -a '(__uiommufd_words iommu)'
complete -c uiommufd -n '__uiommufd_after --join; or __uiommufd_after --machine; or __uiommufd_after --stop' -f -a '(__uiommufd_words machines)'
complete -c uiommufd -n '__uiommufd_after --container' -f -a 'type1 iommufd none'
complete -c uiommufd -n '__uiommufd_of_ours; and contains -- (commandline -opc)[2] serve plug list' -a '(__uiommufd_words device)'
complete -c uiommufd -n 'not __uiommufd_of_ours; and contains -- -- (commandline -opc)' -a '(__fish_complete_subcommand --fcs-skip=(contains -i -- -- (commandline -opc)))'
