# What a run of ctest really checked, from its JUnit file: PASSED FAILED SKIPPED.
# A program that prints Check's summary counts as many checks as it says; any other test counts as
# one. A program that fails although its summary is good (a leak, say) counts one failure.

/<testcase / {
    status = $0
    sub(/.* status="/, "", status)
    sub(/".*/, "", status)
    inside = 1
    summaries = good = bad = 0
    skip = ""
}

/<skipped message="/ { skip = $0 }

/[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ && inside {
    line = $0
    sub(/.*Checks: /, "", line)
    gsub(/[^0-9 ]/, "", line)
    split(line, number, " ")
    summaries++
    bad += number[2] + number[3]
    good += number[1] - number[2] - number[3]
}

/<\/testcase>/ && inside {
    inside = 0
    passed += good
    failed += bad
    if (status == "run") {
        passed += summaries == 0
    } else if (status == "notrun" && skip ~ /"(SKIP_|Disabled)/) {
        skipped++
    } else {
        failed += bad == 0
    }
}

# A file that ends in the middle of a test: that one did not pass.
END { printf "%d %d %d\n", passed, failed + inside, skipped }
