#include "testdata.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "pool.h"
#include "signals.h"

#define MAX_OUTPUTS 8

enum trick { NONE, FAIL, DIE, DIE_ALWAYS, FAIL_TO_COMPLETE, HANG };

/* What the children do is seen through shared memory. */
struct shared {
	_Atomic unsigned runs[1000];
	_Atomic unsigned completed[MAX_OUTPUTS];
};

struct scene {
	struct shared *shared;
	const struct sc_plan *plan;
	enum trick trick;
	size_t trick_task; /* the task that it happens in */
	struct sc_pool *pool;
	/* Told to the parent. */
	unsigned nfinished[MAX_OUTPUTS];
	struct sc_error errors[MAX_OUTPUTS];
	uint64_t most_bytes;
};

static void *start(void *context, struct sc_pool *pool, struct sc_error *err)
{
	struct scene *scene = context;
	scene->pool = pool;
	if (scene->trick == DIE_ALWAYS)
		kill(getpid(), SIGKILL);
	if (scene->trick == FAIL_TO_COMPLETE && scene->trick_task == 1) {
		sc_error_set(err, -ENOMEM, "cannot start");
		return NULL;
	}
	return scene;
}

static int run(void *context, void *worker, const struct sc_plan_task *task, struct sc_error *err)
{
	struct scene *scene = worker;
	size_t number = (size_t)(task - scene->plan->tasks);
	assert_ptr_equal(context, worker);
	unsigned times = ++scene->shared->runs[number];
	if (number == scene->trick_task && scene->trick == FAIL)
		return sc_error_set(err, -EIO, "bad part");
	if (number == scene->trick_task && scene->trick == DIE && times == 1)
		kill(getpid(), SIGKILL);
	if (number == scene->trick_task && scene->trick == HANG)
		pause();
	/* However late the failing one is: nobody may have done the rest by then. */
	if (number > scene->trick_task && scene->trick == FAIL && task->output == scene->plan->tasks[scene->trick_task].output)
		while (!sc_pool_has_failed(scene->pool, task->output))
			usleep(1000);
	return sc_pool_advance(scene->pool, task->output, task->bytes);
}

static int complete(void *context, void *worker, unsigned output, struct sc_error *err)
{
	struct scene *scene = worker;
	(void)context;
	scene->shared->completed[output]++;
	return scene->trick == FAIL_TO_COMPLETE && output == 0 ? sc_error_set(err, -ENOSPC, "cannot sync") : 0;
}

static void finished(void *context, unsigned output, const struct sc_error *err)
{
	struct scene *scene = context;
	scene->nfinished[output]++;
	if (err)
		scene->errors[output] = *err;
}

static void tick(void *context, const struct sc_pool *pool)
{
	struct scene *scene = context;
	uint64_t bytes = sc_pool_bytes_done(pool, 0);
	assert_true(bytes >= scene->most_bytes);
	scene->most_bytes = bytes;
}

/* Three outputs with 100 tasks each; of the fourth nothing is done. */
static int play(struct scene *scene, unsigned nworkers)
{
	struct sc_plan_task tasks[300] = { 0 };
	struct sc_plan plan = { .ntasks = SC_COUNT_OF(tasks), .tasks = tasks };
	struct sc_error err = { 0 };
	for (unsigned i = 0; i < SC_COUNT_OF(tasks); i++) {
		tasks[i].output = i / 100;
		tasks[i].bytes = i;
	}
	scene->plan = &plan;
	scene->shared = mmap(NULL, sizeof(*scene->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(scene->shared != MAP_FAILED);
	struct sc_pool_work work = { &plan, 4, nworkers, scene, start, run, complete, finished, tick };
	sigset_t before;
	sigprocmask(SIG_BLOCK, NULL, &before);
	sc_signals_block();
	int rc = sc_pool_run(&work, &err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	/* No child is left. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	return rc;
}

static void end(struct scene *scene)
{
	munmap(scene->shared, sizeof(*scene->shared));
}

static void every_task_is_done_once(void **state)
{
	(void)state;
	static const unsigned nworkers[] = { 1, 2, 7, 1000 };
	for (size_t n = 0; n < SC_COUNT_OF(nworkers); n++) {
		struct scene scene = { 0 };
		assert_int_equal(play(&scene, nworkers[n]), 0);
		for (size_t i = 0; i < 300; i++)
			assert_int_equal(scene.shared->runs[i], 1);
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(scene.shared->completed[i], 1);
			assert_int_equal(scene.nfinished[i], 1);
			assert_int_equal(scene.errors[i].code, 0);
		}
		assert_int_equal(scene.nfinished[3], 0);
		end(&scene);
	}
}

static void a_failure_is_one_outputs(void **state)
{
	(void)state;
	struct scene scene = { .trick = FAIL, .trick_task = 110 };
	assert_int_equal(play(&scene, 3), 0);
	assert_string_equal(scene.errors[1].text, "bad part");
	assert_int_equal(scene.shared->completed[1], 0);
	/* What is left of it is skipped, but for what the other two had begun; others are complete. */
	for (size_t i = 113; i < 200; i++)
		assert_int_equal(scene.shared->runs[i], 0);
	assert_int_equal(scene.errors[0].code, 0);
	assert_int_equal(scene.errors[2].code, 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(scene.nfinished[i], 1);
	end(&scene);
}

static void a_killed_child_is_replaced(void **state)
{
	(void)state;
	/* With one worker nobody else could go on. */
	for (unsigned nworkers = 1; nworkers <= 3; nworkers++) {
		struct scene scene = { .trick = DIE, .trick_task = 7 };
		assert_int_equal(play(&scene, nworkers), 0);
		assert_non_null(strstr(scene.errors[0].text, "a copying process was killed by signal 9"));
		assert_int_equal(scene.errors[1].code, 0);
		assert_int_equal(scene.errors[2].code, 0);
		assert_int_equal(scene.shared->completed[0], 0);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(scene.nfinished[i], 1);
		end(&scene);
	}
}

static void children_that_always_die_are_given_up(void **state)
{
	(void)state;
	struct scene scene = { .trick = DIE_ALWAYS };
	assert_int_equal(play(&scene, 2), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(scene.nfinished[i], 1);
		assert_non_null(strstr(scene.errors[i].text, "killed by signal 9"));
	}
	end(&scene);
}

static void failing_to_sync_is_a_failure(void **state)
{
	(void)state;
	struct scene scene = { .trick = FAIL_TO_COMPLETE };
	assert_int_equal(play(&scene, 2), 0);
	assert_string_equal(scene.errors[0].text, "cannot sync");
	assert_int_equal(scene.errors[1].code, 0);
	end(&scene);
}

static void failing_to_start_says_why(void **state)
{
	(void)state;
	struct scene scene = { .trick = FAIL_TO_COMPLETE, .trick_task = 1 };
	assert_int_equal(play(&scene, 2), 0);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(scene.errors[i].text, "cannot start");
	end(&scene);
}

static void a_signal_stops_all(void **state)
{
	(void)state;
	static const int numbers[] = { SIGINT, SIGTERM };
	for (size_t i = 0; i < SC_COUNT_OF(numbers); i++) {
		struct scene scene = { .trick = HANG, .trick_task = 150 };
		pid_t self = getpid(), pid = fork();
		if (pid == 0) {
			usleep(300000);
			kill(self, numbers[i]);
			usleep(300000);
			_exit(0);
		}
		struct sc_plan_task tasks[2] = { { .output = 0 }, { .output = 1 } };
		struct sc_plan plan = { .ntasks = 2, .tasks = tasks };
		scene.plan = &plan;
		scene.trick_task = 1;
		scene.shared =
		    mmap(NULL, sizeof(*scene.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		struct sc_pool_work work = { &plan, 2, 2, &scene, start, run, complete, finished, tick };
		sigset_t before;
		sigprocmask(SIG_BLOCK, NULL, &before);
		sc_signals_block();
		assert_int_equal(sc_pool_run(&work, NULL), numbers[i]);
		sigprocmask(SIG_SETMASK, &before, NULL);
		assert_int_equal(scene.nfinished[0], 1);
		assert_int_equal(scene.nfinished[1], 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		end(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_is_done_once),      cmocka_unit_test(a_failure_is_one_outputs),
		cmocka_unit_test(a_killed_child_is_replaced),   cmocka_unit_test(children_that_always_die_are_given_up),
		cmocka_unit_test(failing_to_sync_is_a_failure), cmocka_unit_test(failing_to_start_says_why),
		cmocka_unit_test(a_signal_stops_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
