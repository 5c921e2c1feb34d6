//! Contracts of the ports, on both databases.

mod sqlite {
    use causerie_testkit::contract::SqlSubject;

    causerie_testkit::conversations_contract!(SqlSubject::sqlite);
    causerie_testkit::turns_contract!(SqlSubject::sqlite);
    causerie_testkit::reconciliation_contract!(SqlSubject::sqlite);
    causerie_testkit::budgets_contract!(SqlSubject::sqlite);
    causerie_testkit::completions_contract!(SqlSubject::sqlite);
}

mod postgres {
    use causerie_testkit::contract::SqlSubject;

    causerie_testkit::conversations_contract!(SqlSubject::postgres);
    causerie_testkit::turns_contract!(SqlSubject::postgres);
    causerie_testkit::reconciliation_contract!(SqlSubject::postgres);
    causerie_testkit::budgets_contract!(SqlSubject::postgres);
    causerie_testkit::completions_contract!(SqlSubject::postgres);
}
