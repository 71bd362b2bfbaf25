package integration

// What goes wrong with offset resets in practice, by the numbers of issue 6, and
// the test that shows what happens here. Those of the controllers are of this
// package; P is internal/resetplan, A internal/kafkaadmin, G controllers and
// internal/autoscale, K test/kafka (against Apache Kafka).
//
//	A1   a reset while the group is active           TestResetFaultForeignMemberAtCommit; A TestWritesBesideAMember; K TestResetOffsets
//	A2   pods are gone and members linger            TestResetFaultPodStays, TestResetFaultForeignMember (named, for as long as a session)
//	A3   static members                              TestResetFaultStaticWorker, TestResetFaultStaticStranger; A TestRemoveStatic; K TestResetOffsets
//	A4   someone scales up in the middle             TestResetFaultAutoscaler, TestResetHoldsAgainstHands, TestResetUnderGitOps
//	A5   another workload under the same group id    TestResetFaultForeignMember, TestResetFaultForeignMemberAfterCommit
//	A6   a simple consumer overwrites                TestResetFaultOverwrittenOnce, TestResetFaultOverwrittenAgain; P TestOverwritten_A6
//	A7   commits expire while drained                TestResetFaultGroupDeletedInKafka; P TestRecheck ("all commits have expired")
//	A8   retention passes the target                 TestResetFaultRetention; P TestRecheck
//	A9   the topic is created anew                   TestResetFaultTopicRenewed, TestResetFaultTopicRenewedAtCommit; P TestLost_A9, TestRecheck
//	A10  -1 for a time past the end                  P TestRows, TestInitialOffsetIsNeverATarget_A10; A TestNegativeOffsetIsRefused
//	A11  timestamps out of order                     P TestNotes ("CreateTime is not monotonic")
//	A12  partitions without a commit                 TestResetKilledAnywhere ("a rollback that deletes a commit"); P TestRows; A TestDelete; K TestResetOffsets
//	A13  high watermark or last stable offset        A TestSurveyOfAnOpenTransaction; P TestRows
//	A14  commits of open transactions                A TestSurveyNeedsStableOffsets; K TestResetOffsets
//	A15  offsets are not messages                    P TestNotes ("a distance is not a number of messages")
//	A16  the leader epoch 0                          A TestCommit
//	A17  stale metadata beside the offset            P TestRecheck; A TestCommit
//	A18  it is not known whether it was done         TestResetFaultUncertainCommit, TestResetFaultLateCommit, TestResetFaultLateCommitAndMember; A TestWriteThatIsNotAnswered
//	A19  the sink takes a replay for duplicates      not in this version: the plan says nothing of it yet
//	A20  a cache of offsets that only goes up        there is none: TestResetAndRollback, where workers begin at what is committed
//	A21  two resets of one group                     TestResetFaultThreeAtOnce, TestResetOrder; G TestTurn
//	A22  a group that nobody knows                   TestResetFaultGroupDeletedInKafka ("typo"); A TestMembersOfNobody
//	A23  the lag of a rewind scales to the maximum   TestCatchUp; G TestCatchUpProperties
