bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    SCRIPT="${BATS_TEST_TMPDIR}/script.sh"
    cat > "${SCRIPT}" << END
#!/usr/bin/env bash
set -euo pipefail
nj=4
tse_config=none
skip_train=false
list=
help_message="Usage: script.sh [--nj N]"
. "${REPO}/utils/parse_options.sh"
printf '%s|' "\${nj}" "\${tse_config}" "\${skip_train}" "\${list}" "\$@"
END
    chmod +x "${SCRIPT}"
}

@test "values follow after a space or an equals sign, dashes become underscores" {
    run -0 "${SCRIPT}" --nj 8 --tse-config=a.yaml --skip_train true --list 'a b'
    [ "${output}" = "8|a.yaml|true|a b|" ]
}

@test "options end at the first positional argument and at --" {
    run -0 "${SCRIPT}" --nj 8 one --nj 9
    [ "${output}" = "8|none|false||one|--nj|9|" ]
    run -0 "${SCRIPT}" -- --nj
    [ "${output}" = "4|none|false||--nj|" ]
}

@test "a value is never evaluated" {
    cd "${BATS_TEST_TMPDIR}"
    run -0 "${SCRIPT}" --list '$(touch injected) "quoted" `touch injected`; *'
    [ "${output}" = '4|none|false|$(touch injected) "quoted" `touch injected`; *|' ]
    [ ! -e injected ]
}

@test "a value may look like an option, and may be empty" {
    run -0 "${SCRIPT}" --list '--lr 0.1' --tse_config ''
    [ "${output}" = '4||false|--lr 0.1|' ]
}

@test "wrong usage: a message on stderr and exit 2" {
    run -2 --separate-stderr "${SCRIPT}" --njj 8
    [[ "${stderr}" == *"unknown option --njj"* ]]
    [ -z "${output}" ]
    run -2 --separate-stderr "${SCRIPT}" --nj
    [[ "${stderr}" == *"option --nj needs a value"* ]]
    run -2 --separate-stderr "${SCRIPT}" --skip_train 1
    [[ "${stderr}" == *"--skip_train takes true or false, not '1'"* ]]
    run -2 --separate-stderr "${SCRIPT}" '--nj;x' 1
    [[ "${stderr}" == *"invalid option"* ]]
}

@test "an unknown option is told with the nearest of the help, if one is near" {
    sed -i.bak 's/^help_message=.*/help_message="Usage: [--nj N] [--tse-config YAML] [--skip_train true]"/' "${SCRIPT}"
    for pair in njj:nj tse_confg:tse-config tse-conf:tse-config skip_trian:skip_train skip:skip_train; do
        run -2 --separate-stderr "${SCRIPT}" "--${pair%:*}" 8
        [[ "${stderr}" == *"unknown option --${pair%:*} (did you mean --${pair#*:}?)"* ]] || { echo "${stderr}"; false; }
    done
    run -2 --separate-stderr "${SCRIPT}" --skip_trian
    [[ "${stderr}" == *"did you mean --skip_train?"* ]]
    run -2 --separate-stderr "${SCRIPT}" --unknown 8
    [[ "${stderr}" == *"unknown option --unknown (see"* ]]
    # A switch without a value says what it takes.
    run -2 --separate-stderr "${SCRIPT}" --skip_train
    [[ "${stderr}" == *"--skip_train takes true or false, not ''"* ]]
}

@test "variables of the environment are not options" {
    run -2 --separate-stderr "${SCRIPT}" --PATH /nowhere
    [[ "${stderr}" == *"unknown option --PATH"* ]]
}

@test "--help goes to stdout with exit 0, also where there is no help_message" {
    run -0 --separate-stderr "${SCRIPT}" --nj 3 --help
    [ "${output}" = "Usage: script.sh [--nj N]" ]
    [ -z "${stderr}" ]
    sed -i.bak /help_message/d "${SCRIPT}"
    run -0 "${SCRIPT}" --help
    [ "${output}" = "No help for script.sh." ]
}

@test "--config is read first, the command line wins" {
    echo "nj=16; tse_config=file" > "${BATS_TEST_TMPDIR}/options"
    run -0 "${SCRIPT}" --nj 8 --config "${BATS_TEST_TMPDIR}/options"
    [ "${output}" = "8|file|false||" ]
    run -2 --separate-stderr "${SCRIPT}" --config "${BATS_TEST_TMPDIR}/missing"
    [[ "${stderr}" == *"cannot read the file of --config"* ]]
}
