package revocation

// jobQueue hands jobs out in the order in which they came. It uses its memory again, so
// that a job costs no allocation while logouts come and go.
type jobQueue struct {
	jobs []job
	done int // at the beginning of jobs
}

// mostIdleJobs bounds the memory of an empty queue, in jobs.
const mostIdleJobs = 1024

func (q *jobQueue) len() int { return len(q.jobs) - q.done }

// waiting are the jobs in the queue.
func (q *jobQueue) waiting() []job { return q.jobs[q.done:] }

func (q *jobQueue) push(j job) {
	if len(q.jobs) == cap(q.jobs) && q.done > len(q.jobs)/2 {
		n := copy(q.jobs, q.jobs[q.done:])
		clear(q.jobs[n:])
		q.jobs, q.done = q.jobs[:n], 0
	}
	q.jobs = append(q.jobs, j)
}

// pop is for a queue that is not empty.
func (q *jobQueue) pop() job {
	next := q.jobs[q.done]
	q.jobs[q.done] = job{}
	q.done++
	if q.done < len(q.jobs) {
		return next
	}
	q.jobs, q.done = q.jobs[:0], 0
	if cap(q.jobs) > mostIdleJobs {
		q.jobs = nil
	}
	return next
}
