"""What starts a job and ends it: a spawner beside the worker, and under it a supervisor for each job.

Both are small processes of the standard library alone, without Django: a job starts quickly, and they are
still there to end it when the worker is killed.
"""
